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
    gpus = max(1, recipe.resources.gpus)
    weight = _weight_bytes(recipe, model)
    trained = lora_parameters(recipe, model) if recipe.adapter is not None else model.parameters
    held = trained_bytes(recipe)
    gradients = trained * held
    optimizer = trained * kept_bytes(recipe)
    shard_weights, shard_gradients, shard_optimizer = _shards(recipe, gpus)
    parts: dict[str, float] = {"weights": weight / shard_weights}
    if recipe.adapter is not None:
        parts["adapter"] = trained * held
    parts["16-bit copies"] = _copies(recipe, model) / shard_weights
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


_MOMENTS = (
    ("ademamix", 3),
    ("prodigy", 4),  # two moments, a sum of gradients, and the weights at the start (prodigyopt)
    ("lion", 1),
    ("rmsprop", 1),
    ("adagrad", 1),
    ("schedule_free_sgd", 1),
    ("sgd", 0),
    ("lomo", 0),  # it keeps no gradients either
)
"""Numbers kept per weight, by part of the optimizer's name; two for all of Adam's kin."""


def optimizer_bytes(optim: str | None, per_weight: float) -> float:
    """Bytes of optimizer state per trained weight of `per_weight` bytes: two moments for Adam, in the weight's own type
    with torch's and in float32 with bitsandbytes' of 32 bits, one byte each in 8 bits (Dettmers et al.,
    arXiv:2110.02861); Adafactor keeps rows and columns alone (arXiv:1804.04235).
    """
    name = (optim or "adamw_torch_fused").lower()
    if "adafactor" in name:
        return 0.05
    moments = next((count for part, count in _MOMENTS if part in name), 2)
    if "8bit" in name or "4bit" in name:
        return moments * (1.0 if "8bit" in name else 0.5)
    float32 = name.startswith("paged_") or name.endswith(("_32bit", "_bnb")) or name == "ademamix"
    return moments * (4.0 if float32 else per_weight)


def trained_bytes(recipe: Recipe) -> float:
    """Bytes of a trained weight, and of its gradient. PEFT holds an adapter in float32, TRL over 4 bits in bfloat16
    (lt not under loss scaling); accelerate makes float32 of what FSDP shards, DeepSpeed 16 bits of all.
    """
    if recipe.parallel.strategy == "deepspeed" and _in_16_bits(recipe):
        return 2.0
    if recipe.adapter is not None:
        return 2.0 if recipe.model.load_in_4bit and not recipe.train.fp16 else 4.0
    if recipe.parallel.strategy == "fsdp" and _in_16_bits(recipe):
        return 4.0
    return _own_bytes(recipe)


def kept_bytes(recipe: Recipe) -> float:
    """Bytes that the optimizer keeps for a trained weight. DeepSpeed's, in 16 bits, keeps the weight itself in float32
    as well, and its moments are of that type (arXiv:1910.02054, section 3.1: 12 bytes for Adam).
    """
    if recipe.parallel.strategy == "deepspeed" and _in_16_bits(recipe):
        return 4.0 + optimizer_bytes(recipe.train.optim, 4.0)
    return optimizer_bytes(recipe.train.optim, trained_bytes(recipe))


def _own_bytes(recipe: Recipe) -> float:
    return BYTES.get(recipe.model.torch_dtype, 2.0)  # `auto`: nearly all models are saved in 16 bits


def _in_16_bits(recipe: Recipe) -> bool:
    """Whether it computes in 16 bits, whatever the weights are held in: what the worker decides on a GPU that can."""
    return bool(recipe.resources.gpus) and (recipe.train.bf16 is not False or bool(recipe.train.fp16))


def _copies(recipe: Recipe, model: Model) -> float:
    """Weights of float32 that are computed with in 16 bits: torch's autocast keeps the copies that it makes of trained
    ones until the forward pass ends (its documentation: `cache_enabled`). FSDP and DeepSpeed do without.
    """
    if recipe.adapter is not None or recipe.parallel.strategy in ("fsdp", "deepspeed"):
        return 0.0
    if not _in_16_bits(recipe) or _own_bytes(recipe) < 4:
        return 0.0
    return 2.0 * (model.linear + (0 if recipe.method == "reward" else model.embedding))


def _weight_bytes(recipe: Recipe, model: Model) -> float:
    per = trained_bytes(recipe) if recipe.adapter is None else _own_bytes(recipe)
    if not recipe.model.load_in_4bit:
        return model.parameters * per
    four = NF4 if recipe.model.bnb_4bit_use_double_quant else NF4_SINGLE
    return model.linear * four + (model.parameters - model.linear) * per


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
    """Activations kept for the backward pass, in the type that is computed in (after Korthikanti et al.,
    arXiv:2205.05198, with the attention matrix never written down, as in FlashAttention and SDPA, and a gated MLP). Per
    token and layer: two norms' inputs, the inputs of the projections, q, k, v, attention's output, and gate, up, their
    product, activation. With checkpointing: each layer's input, and one layer's all.
    """
    rows, length = _rows_and_length(recipe)
    tokens = rows * length
    queries, keys = model.heads * model.head_dim, model.kv_heads * model.head_dim
    experts = max(layer.active for layer in model.linears)
    each = 2.0 if _in_16_bits(recipe) or _own_bytes(recipe) < 4 else 4.0
    layer = each * tokens * (4 * model.hidden + 2 * queries + 2 * keys + 4 * experts * _inner(model))
    if recipe.model.attn_implementation == "eager":
        layer += 5.0 * rows * model.heads * length**2
    if recipe.train.gradient_checkpointing is False:
        return model.layers * layer
    return model.layers * each * tokens * model.hidden + layer


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
    """Keys and values while answers are written: 2 × layers × KV heads × head size × bytes × tokens × answers. TRL
    writes in the type that the weights are held in, our PPO in the one that is computed in.
    """
    rows, length = _rows_and_length(recipe)
    each = 2.0 if recipe.method == "ppo" and _in_16_bits(recipe) else _own_bytes(recipe)
    own: Any = getattr(recipe, recipe.method)
    passes = recipe.train.gradient_accumulation_steps or 1
    if recipe.method == "ppo":
        at_once = own.local_rollout_forward_batch_size or 64
        per_gpu = min(at_once, rows * passes * (own.num_mini_batches or 1))
        return 2.0 * model.layers * model.kv_heads * model.head_dim * each * length * per_gpu
    per_gpu = rows * (own.steps_per_generation or passes)
    if own.generation_batch_size:
        per_gpu = max(1, own.generation_batch_size // max(1, recipe.resources.gpus))
    return 2.0 * model.layers * model.kv_heads * model.head_dim * each * length * per_gpu


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
