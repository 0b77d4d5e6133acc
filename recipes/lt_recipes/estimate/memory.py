"""What a training holds in one GPU's memory at its peak. Every part has its formula, and where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..schema import Recipe
from .parameters import Linear, Model

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0, "int8": 1.0, "int4": 0.5}
"""Bytes per weight as it lies in memory."""

NF4 = 0.5 + 0.127 / 8
"""QLoRA's four bits with their scales quantised twice: 0.127 bits more per weight (arXiv:2305.14314, section 3)."""
NF4_SINGLE = 0.5 + 0.5 / 8  # one float32 scale per 64 weights

CONTEXT = 1.0 * 2**30
"""CUDA's own context, its libraries' workspaces and NCCL's buffers, bytes: between 0.5 and 1.5 GiB in practice."""
FRAGMENTS = 0.06  # of the rest: what the allocator holds and can't use

_COMPARING = ("dpo", "kto")
_ROLLING = ("grpo", "gspo", "rloo", "ppo")
_FUSED_HEAD = ("sft", "dpo", "kto", "grpo", "gspo", "rloo")
_HEAD_CHUNK = 256  # tokens whose logits TRL 1.16 holds at once where it computes them in chunks


@dataclass(frozen=True)
class Estimate:
    """Bytes on each GPU, by what they are for; and the counts that they follow from."""

    parts: Mapping[str, float]
    parameters: int
    trained: int
    gpus: int

    @property
    def total(self) -> float:
        """All parts, bytes."""
        return sum(self.parts.values())


def estimate(recipe: Recipe, model: Model) -> Estimate:
    """The peak of one GPU. What it does not know: the rows' real lengths (it takes `max_length`), the memory that a
    reward model of another size takes (it takes this model's), and kernels that trade memory otherwise.
    """
    train = recipe.train
    gpus = max(1, recipe.resources.gpus)
    weight = _weight_bytes(recipe, model)
    trained, per_trained = _trained(recipe, model)
    gradients = trained * per_trained
    optimizer = trained * optimizer_bytes(train.optim, per_trained)
    shard_weights, shard_gradients, shard_optimizer = _shards(recipe, gpus)
    parts: dict[str, float] = {"weights": weight / shard_weights}
    if recipe.adapter is not None:
        parts["adapter"] = gradients
    parts["gradients"] = gradients / shard_gradients
    parts["optimizer"] = optimizer / shard_optimizer
    parts["activations"] = _activations(recipe, model)
    parts["logits"] = _logits(recipe, model)
    if _has_reference(recipe):
        parts["reference"] = weight / shard_weights
    if recipe.method in _ROLLING:
        parts["generation"] = _generation(recipe, model)
        parts["value"] = _value(recipe, model)
        parts["reward models"] = weight * sum(entry.type == "model" for entry in getattr(recipe, "rewards", []))
    used = sum(parts.values())
    # Without a GPU: what Python and the imports take is not in here.
    parts["overhead"] = (CONTEXT if recipe.resources.gpus else 0.0) + FRAGMENTS * used
    return Estimate({name: size for name, size in parts.items() if size}, model.parameters, trained, gpus)


def inference_bytes(parameters: int, precision: str) -> float:
    """Weights alone, in bytes: parameters × bytes per weight."""
    return parameters * BYTES[precision]


def lora_parameters(recipe: Recipe, model: Model) -> int:
    """Weights of the adapter: rank × (inputs + outputs) of each layer that it is on (Hu et al., arXiv:2106.09685), and
    copies of the layers in `modules_to_save`. LoKr and p-tuning are less; they are counted as LoRA.
    """
    adapter = recipe.adapter
    if adapter is None:
        return 0
    if adapter.type == "ptuning":
        hidden = adapter.encoder_hidden_size or model.hidden
        return adapter.num_virtual_tokens * model.hidden + 2 * hidden * (model.hidden + hidden)
    layers = len(adapter.layers_to_transform) if adapter.layers_to_transform else model.layers
    per_layer = sum(layer.count * _lora_of(layer, adapter) for layer in model.linears if _targeted(layer, adapter))
    saved = sum(model.embedding for name in adapter.modules_to_save or [] if name in ("embed_tokens", "lm_head"))
    return layers * per_layer + saved


def optimizer_bytes(optim: str | None, per_weight: float) -> float:
    """Bytes of optimizer state per trained weight: two moments for Adam in the weight's own type, one byte each in
    8 bits (Dettmers et al., arXiv:2110.02861); Adafactor keeps rows and columns alone (arXiv:1804.04235).
    """
    name = (optim or "adamw_torch_fused").lower()
    if "8bit" in name:
        return 2.0
    if "adafactor" in name:
        return 0.05
    if name.startswith(("sgd", "lion")):
        return per_weight if name.startswith("lion") else 0.0
    return 2 * per_weight


def _weight_bytes(recipe: Recipe, model: Model) -> float:
    per = BYTES.get(recipe.model.torch_dtype, 2.0)  # `auto`: nearly all models are saved in 16 bits
    if not recipe.model.load_in_4bit:
        return model.parameters * per
    four = NF4 if recipe.model.bnb_4bit_use_double_quant else NF4_SINGLE
    return model.linear * four + (model.parameters - model.linear) * per


def _trained(recipe: Recipe, model: Model) -> tuple[int, float]:
    """(trained weights, bytes of each). PEFT holds an adapter in float32, TRL over 4 bits in bfloat16."""
    if recipe.adapter is None:
        return model.parameters, BYTES.get(recipe.model.torch_dtype, 2.0)
    return lora_parameters(recipe, model), 2.0 if recipe.model.load_in_4bit else 4.0


def _shards(recipe: Recipe, gpus: int) -> tuple[int, int, int]:
    """By how much weights, gradients and optimizer state are divided (ZeRO's stages, arXiv:1910.02054)."""
    stage = 0
    if recipe.parallel.strategy == "deepspeed":
        stage = recipe.parallel.zero_stage or 2
    elif recipe.parallel.strategy == "fsdp":
        stage = 2 if recipe.parallel.sharding == "shard_grad_op" else 3
    return (gpus if stage >= 3 else 1, gpus if stage >= 2 else 1, gpus if stage >= 1 else 1)


def _rows_and_length(recipe: Recipe) -> tuple[int, int]:
    rows = recipe.train.per_device_train_batch_size or 8
    if recipe.method in ("dpo", "orpo", "reward"):
        rows *= 2  # the better and the worse answer side by side
    length = int(getattr(recipe.train, "max_length", None) or 1024)
    if recipe.method in _ROLLING:
        length = _answer_length(recipe) + 512  # and a prompt
    return rows, length


def _answer_length(recipe: Recipe) -> int:
    own: Any = getattr(recipe, recipe.method)
    return int((own.response_length or 53) if recipe.method == "ppo" else own.max_completion_length or 512)


def _activations(recipe: Recipe, model: Model) -> float:
    """16-bit activations kept for the backward pass (after Korthikanti et al., arXiv:2205.05198, with the attention
    matrix never written down, as in FlashAttention and SDPA, and a gated MLP). Per token and layer: two norms' inputs,
    the inputs of the projections, q, k, v, attention's output, and gate, up, their product, activation. With
    checkpointing: each layer's input, and one layer's all.
    """
    rows, length = _rows_and_length(recipe)
    tokens = rows * length
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    experts = max(layer.active for layer in model.linears)
    layer = 2.0 * tokens * (4 * model.hidden + 2 * queries + 2 * keys + 4 * experts * _inner(model))
    if recipe.model.attn_implementation == "eager":
        layer += 5.0 * rows * model.heads * length**2
    if recipe.train.gradient_checkpointing is False:
        return model.layers * layer
    return model.layers * 2.0 * tokens * model.hidden + layer


def _inner(model: Model) -> int:
    return max(layer.inputs for layer in model.linears if "down" in layer.name or "mlp" in layer.name)


def _logits(recipe: Recipe, model: Model) -> float:
    """Logits in 16 bits, in float32, and their gradient: 10 bytes × tokens × vocabulary, unless TRL computes them in
    chunks of some tokens. A reward model has none.
    """
    if recipe.method == "reward":
        return 0.0
    rows, length = _rows_and_length(recipe)
    if recipe.method == "ppo":
        length = _answer_length(recipe)  # our trainer asks for the answers' alone
    tokens = min(rows * length, _HEAD_CHUNK) if recipe.method in _FUSED_HEAD else rows * length
    return 10.0 * tokens * model.vocab


def _has_reference(recipe: Recipe) -> bool:
    if recipe.adapter is not None:
        return False  # the adapter is switched off for it
    own: Any = getattr(recipe, recipe.method, None)
    if recipe.method in _COMPARING:
        return not own.precompute_ref_log_probs
    if recipe.method == "ppo":
        return bool(own.kl_coef != 0)
    if recipe.method in _ROLLING:
        return bool(own.beta if own.beta is not None else recipe.method == "rloo")
    return False


def _generation(recipe: Recipe, model: Model) -> float:
    """Keys and values while answers are written: 2 × layers × KV heads × head size × 2 bytes × tokens × answers."""
    rows, length = _rows_and_length(recipe)
    own: Any = getattr(recipe, recipe.method)
    passes = recipe.train.gradient_accumulation_steps or 1
    if recipe.method == "ppo":
        at_once = own.local_rollout_forward_batch_size or 64
        per_gpu = min(at_once, rows * passes * (own.num_mini_batches or 1))
        return 2.0 * model.layers * model.kv_heads * model.head_dim * 2 * length * per_gpu
    per_gpu = rows * (own.steps_per_generation or passes)
    if own.generation_batch_size:
        per_gpu = max(1, own.generation_batch_size // max(1, recipe.resources.gpus))
    return 2.0 * model.layers * model.kv_heads * model.head_dim * 2 * length * per_gpu


def _value(recipe: Recipe, model: Model) -> float:
    """PPO's value head reads the policy's last state: one weight per number of it, in float32, with its gradient and
    two moments. A separate value network would be a second policy (arXiv:1909.08593 shares it as well).
    """
    return 4.0 * 4 * (model.hidden + 1) if recipe.method == "ppo" else 0.0


def _lora_of(layer: Linear, adapter: Any) -> int:
    rank = next((r for name, r in (adapter.rank_pattern or {}).items() if name in layer.name), adapter.r)
    magnitude = layer.outputs if adapter.use_dora else 0
    return int(rank * (layer.inputs + layer.outputs) + magnitude)


def _targeted(layer: Linear, adapter: Any) -> bool:
    wanted = adapter.target_modules
    if layer.count > 1 or layer.name == "router":
        return False  # transformers 5 holds experts in one tensor, which is no linear layer to PEFT
    if wanted == "all-linear":
        return True
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(layer.name.endswith(name) for name in names)
