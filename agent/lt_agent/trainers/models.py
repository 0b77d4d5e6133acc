"""The recipe's model, tokenizer and adapter: pretrained, or built on the spot from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from lt_agent.protocol.files import read_json

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


def load_model(job: WorkerJob, tokenizer: Any, *, scores: bool = False) -> Any:
    """The model in the type the recipe asks for; with `scores` one that gives a text a single number.

    Raises TrainingFailure `model_not_found`, `missing_module` or `bad_recipe`.
    """
    from transformers import set_seed

    model = job.section("model")
    if model.get("from_config") is not None:
        built = build_model(model, tokenizer, job.seed, scores=scores)
        say(f"built a new {built.config.model_type} with {sum(p.numel() for p in built.parameters()):,} parameters")
        return built
    name = str(model.get("name_or_path"))
    say(f"loading {name} …")
    find_on_hub(name, model.get("revision"))
    set_seed(job.seed)  # a head that gives numbers is new, and drawn here
    auto, head = _auto_class(scores)
    return auto.from_pretrained(
        name,
        dtype=model.get("torch_dtype") or "auto",
        revision=model.get("revision"),
        trust_remote_code=_trusted(model),
        **quantisation(model, bool(job.section("train").get("fp16"))),
        **_attention(model),
        **head,
    )


def build_model(model: Mapping[str, Any], tokenizer: Any, seed: int, *, scores: bool = False) -> Any:
    """A new model with weights drawn by `seed`: the same seed, recipe and torch give the same weights on a CPU."""
    import torch
    from transformers import AutoConfig, set_seed

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
        auto, head = _auto_class(scores)
        config = AutoConfig.for_model(kind, **settings, **head)
        set_seed(seed)
        built = auto.from_config(
            config, dtype=torch.float32 if dtype == "auto" else getattr(torch, dtype), **_attention(model)
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise TrainingFailure("bad_recipe", f"model.from_config does not make a model: {error}") from error
    return built


def check_model(job: WorkerJob) -> None:
    """What can be told before anything slow. Raises TrainingFailure `bad_recipe`."""
    name = str(job.section("model").get("name_or_path"))
    if is_adapter(name):
        under = base_of(Path(name)) or "that it was trained on"
        raise TrainingFailure(
            "bad_recipe",
            f"model.name_or_path: {name} is an adapter; name the model {under}, and this in adapter: {{path: …}}",
        )


def is_adapter(place: str) -> bool:
    """Whether that folder holds an adapter, and no model."""
    return (Path(place) / "adapter_config.json").is_file()


def base_of(folder: Path) -> str | None:
    """The model under an adapter: beside it, or by the name in its configuration. None where nobody says."""
    if (folder / BASE / "config.json").is_file():
        return str(folder / BASE)
    name = (read_json(folder / "adapter_config.json") or {}).get("base_model_name_or_path")
    return str(name) if name else None


def load_adapter(model: Any, path: str) -> Any:
    """`model` under an existing adapter that is trained further. Raises TrainingFailure `model_not_found`."""
    from peft import PeftModel

    if not is_adapter(path):
        raise TrainingFailure("model_not_found", f"adapter.path: there is no adapter at {path}")
    return PeftModel.from_pretrained(model, path, is_trainable=True)


def quantisation(model: Mapping[str, Any], fp16: bool = False) -> dict[str, Any]:
    """The loader's argument for weights of 4 bits (QLoRA: NF4, quantised twice); empty where the recipe has none.

    They are unpacked to what the training computes in: float16 where it asks for that.
    """
    if not model.get("load_in_4bit"):
        return {}
    import torch
    from transformers import BitsAndBytesConfig

    native = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=model.get("bnb_4bit_quant_type") or "nf4",
            bnb_4bit_use_double_quant=model.get("bnb_4bit_use_double_quant") is not False,
            bnb_4bit_compute_dtype=torch.float16 if fp16 else torch.bfloat16 if native else torch.float32,
        )
    }


def _auto_class(scores: bool) -> tuple[Any, dict[str, Any]]:
    """transformers' class for the kind of model, and what its configuration needs beside."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    return (AutoModelForSequenceClassification, {"num_labels": 1}) if scores else (AutoModelForCausalLM, {})


def _trusted(model: Mapping[str, Any]) -> bool:
    return bool(model.get("trust_remote_code"))


def _attention(model: Mapping[str, Any]) -> dict[str, Any]:
    value = model.get("attn_implementation")
    return {"attn_implementation": value} if value else {}
