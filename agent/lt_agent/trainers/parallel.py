"""The recipe's `parallel:` block as arguments of the training: pure decisions."""

from __future__ import annotations

from typing import Any, Mapping

FSDP, DEEPSPEED = "fsdp", "deepspeed"


def strategy(recipe: Mapping[str, Any]) -> str:
    """`ddp`, `fsdp` or `deepspeed`."""
    return str((recipe.get("parallel") or {}).get("strategy") or "ddp")


def parallel_arguments(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of transformers' TrainingArguments; none for DDP, which it does by itself."""
    block = recipe.get("parallel") or {}
    if strategy(recipe) == FSDP:
        return {"fsdp": True, "fsdp_config": fsdp_config(block, bool(recipe.get("adapter")))}
    if strategy(recipe) == DEEPSPEED:
        return {"deepspeed": deepspeed_config(block)}
    return {}


def fsdp_config(block: Mapping[str, Any], adapter: bool) -> dict[str, Any]:
    """For FSDP 2, the only one that transformers has kept.

    Checkpoints hold the whole state, gathered on the first rank: torch's sharded ones are described by a pickle.
    """
    config: dict[str, Any] = {
        "version": 2,
        "reshard_after_forward": block.get("sharding", "full_shard") == "full_shard",
        "state_dict_type": "FULL_STATE_DICT",
        # Each rank reads the weights into main memory unless only the first does and hands them out. Beside an
        # adapter PEFT needs them on every rank.
        "cpu_ram_efficient_loading": not adapter,
    }
    if block.get("offload"):
        config["cpu_offload"] = True
    if block.get("wrap"):
        config["transformer_layer_cls_to_wrap"] = list(block["wrap"])
    if block.get("activation_checkpointing"):
        config["activation_checkpointing"] = True
    return config


def deepspeed_config(block: Mapping[str, Any]) -> dict[str, Any]:
    """ZeRO's configuration; `auto` is what transformers fills in from the other arguments. `config` lies over it."""
    stage = int(block.get("zero_stage") or 2)
    zero: dict[str, Any] = {"stage": stage, "overlap_comm": True, "contiguous_gradients": True}
    if block.get("offload"):
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
        if stage == 3:
            zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    if stage == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    config: dict[str, Any] = {
        "bf16": {"enabled": "auto"},
        "fp16": {"enabled": "auto"},
        "zero_optimization": zero,
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
    }
    return _over(config, block.get("config") or {})


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged
