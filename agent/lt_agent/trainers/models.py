"""The recipe's model, tokenizer and adapter: pretrained, or built on the spot from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from .failures import TrainingFailure
from .hub import find_on_hub
from .job import WorkerJob, say
from .tokenizer import TEMPLATE, train_tokenizer

BASE = "base"
"""Beside an adapter on a model that was built on the spot: that model, since nobody else has it."""


def load_tokenizer(job: WorkerJob) -> Any:
    """The tokenizer, with a chat template in any case.

    A resumed run takes the checkpoint's own. Raises TrainingFailure `model_not_found` or `bad_recipe`, BadRow for a
    malformed `train_from`.
    """
    from transformers import AutoTokenizer

    model = job.section("model")
    choice = model.get("tokenizer") or {}
    if job.resume and (job.resume.path / "tokenizer_config.json").is_file():
        return AutoTokenizer.from_pretrained(str(job.resume.path), trust_remote_code=_trusted(model))
    if choice.get("train_from"):
        say(f"training a tokenizer on {choice['train_from']} …")
        limit = (model.get("from_config") or {}).get("max_position_embeddings")
        return train_tokenizer(str(choice["train_from"]), int(choice.get("vocab_size") or 1024), limit)
    name = choice.get("name_or_path") or model.get("name_or_path")
    if not name:
        raise TrainingFailure("bad_recipe", "a model built by from_config needs model.tokenizer")
    revision = None if choice.get("name_or_path") else model.get("revision")
    find_on_hub(str(name), revision)
    tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=_trusted(model))
    if tokenizer.chat_template is None:
        say(f"{name} has no chat template; a plain one is used for messages and saved with the model")
        tokenizer.chat_template = TEMPLATE
    return tokenizer


def load_model(job: WorkerJob, tokenizer: Any) -> Any:
    """The model in the type the recipe asks for. Raises TrainingFailure `model_not_found` or `bad_recipe`."""
    from transformers import AutoModelForCausalLM

    model = job.section("model")
    if model.get("from_config") is not None:
        built = build_model(model, tokenizer, job.seed)
        say(f"built a new {built.config.model_type} with {sum(p.numel() for p in built.parameters()):,} parameters")
        return built
    name = str(model.get("name_or_path"))
    say(f"loading {name} …")
    find_on_hub(name, model.get("revision"))
    return AutoModelForCausalLM.from_pretrained(
        name,
        dtype=model.get("torch_dtype") or "auto",
        revision=model.get("revision"),
        trust_remote_code=_trusted(model),
        **_attention(model),
    )


def build_model(model: Mapping[str, Any], tokenizer: Any, seed: int) -> Any:
    """A new model with weights drawn by `seed`: the same seed, recipe and torch give the same weights on a CPU."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, set_seed

    settings = dict(model["from_config"])
    kind = settings.pop("model_type")
    settings.setdefault("vocab_size", len(tokenizer))
    if settings["vocab_size"] < len(tokenizer):
        raise TrainingFailure(
            "bad_recipe", f"model.from_config.vocab_size is less than the tokenizer's {len(tokenizer)}"
        )
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        settings.setdefault(name, getattr(tokenizer, name))
    dtype = model.get("torch_dtype") or "auto"
    try:
        config = AutoConfig.for_model(kind, **settings)
        set_seed(seed)
        built = AutoModelForCausalLM.from_config(
            config, dtype=torch.float32 if dtype == "auto" else getattr(torch, dtype), **_attention(model)
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise TrainingFailure("bad_recipe", f"model.from_config does not make a model: {error}") from error
    return built


def lora_config(adapter: Mapping[str, Any]) -> Any:
    """The recipe's `adapter:` block in PEFT's own terms."""
    from peft import LoraConfig

    known = {"r", "target_modules", "exclude_modules", "modules_to_save", "layers_to_transform", "bias"}
    known |= {"use_rslora", "use_dora"}
    settings = {key: adapter[key] for key in known if adapter.get(key) is not None}
    for key in ("rank_pattern", "alpha_pattern"):
        if adapter.get(key):
            settings[key] = dict(adapter[key])
    try:
        return LoraConfig(
            task_type="CAUSAL_LM",
            lora_alpha=adapter.get("alpha", 32),
            lora_dropout=adapter.get("dropout") or 0.0,
            **settings,
        )
    except (ValueError, TypeError) as error:
        raise TrainingFailure("bad_recipe", f"adapter: {error}") from error


def load_adapter(model: Any, path: str) -> Any:
    """`model` under an existing adapter that is trained further. Raises TrainingFailure `model_not_found`."""
    from peft import PeftModel

    if not (Path(path) / "adapter_config.json").is_file():
        raise TrainingFailure("model_not_found", f"adapter.path: there is no adapter at {path}")
    return PeftModel.from_pretrained(model, path, is_trainable=True)


def _trusted(model: Mapping[str, Any]) -> bool:
    return bool(model.get("trust_remote_code"))


def _attention(model: Mapping[str, Any]) -> dict[str, Any]:
    value = model.get("attn_implementation")
    return {"attn_implementation": value} if value else {}
