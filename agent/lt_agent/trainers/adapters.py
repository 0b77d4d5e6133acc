"""The recipe's `adapter:` block in PEFT's own terms."""

from __future__ import annotations

from typing import Any, Mapping

from .failures import TrainingFailure

_SHARED = ("r", "target_modules", "exclude_modules", "modules_to_save", "layers_to_transform")
_LORA = ("bias", "use_rslora", "use_dora")


def new_adapter(adapter: Mapping[str, Any], model: Any, *, scores: bool = False) -> Any:
    """PEFT's configuration for a new adapter. Raises TrainingFailure `bad_recipe` with what PEFT says about it."""
    import peft

    task = "SEQ_CLS" if scores else "CAUSAL_LM"
    kind = adapter.get("type") or "lora"
    shared = {key: adapter[key] for key in _SHARED if adapter.get(key) is not None}
    for key in ("rank_pattern", "alpha_pattern"):
        if adapter.get(key):
            shared[key] = dict(adapter[key])
    try:
        if kind == "lora":
            own = {key: adapter[key] for key in _LORA if adapter.get(key) is not None}
            return peft.LoraConfig(
                task_type=task,
                lora_alpha=adapter.get("alpha", 32),
                lora_dropout=adapter.get("dropout") or 0.0,
                **shared,
                **own,
            )
        if kind == "lokr":
            return peft.LoKrConfig(
                task_type=task,
                alpha=adapter.get("alpha", 32),
                rank_dropout=adapter.get("dropout") or 0.0,
                decompose_both=bool(adapter.get("decompose_both")),
                decompose_factor=adapter.get("decompose_factor") or -1,
                **shared,
            )
        if kind == "ptuning":
            hidden = adapter.get("encoder_hidden_size") or model.config.get_text_config().hidden_size
            return peft.PromptEncoderConfig(
                task_type=task, num_virtual_tokens=adapter.get("num_virtual_tokens") or 20, encoder_hidden_size=hidden
            )
    except (ValueError, TypeError) as error:
        raise TrainingFailure("bad_recipe", f"adapter: {error}") from error
    raise TrainingFailure("bad_recipe", f"adapter.type {kind!r} is unknown to this agent: lora, lokr, ptuning")


def hold_adapter_over_four_bits(model: Any, fp16: bool) -> None:
    """In bfloat16 as TRL has it, DoRA's magnitudes excepted. PEFT loads a checkpoint's adapter as float32, and a run
    that goes on from one would do so in other numbers. Under loss scaling (`fp16`: a GPU without bfloat16) in float32,
    since torch unscales no gradients of bfloat16.
    """
    import torch

    held = torch.float32 if fp16 else torch.bfloat16
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and "lora_magnitude_vector" not in name:
            parameter.data = parameter.data.to(held)


def loraplus_optimizer(model: Any, args: Any, ratio: float) -> Any:
    """An optimizer in which LoRA's B learns `ratio` times as fast as A (Hayou et al., 2024, arXiv:2402.12354)."""
    from peft.optimizers import create_loraplus_optimizer
    from transformers import Trainer

    kind, settings = Trainer.get_optimizer_cls_and_kwargs(args, model)
    rate = settings.pop("lr", args.learning_rate)
    return create_loraplus_optimizer(
        model, kind, lr=rate, loraplus_lr_ratio=ratio, loraplus_weight_decay=args.weight_decay, **settings
    )
