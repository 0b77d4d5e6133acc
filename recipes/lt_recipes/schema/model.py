"""`model:` and `adapter:`: what is trained."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from .base import Count, Fraction, Natural, Section, Text, TextOrList


class TokenizerSection(Section):
    """`model.tokenizer`: only where it is not the model's own."""

    name_or_path: Text | None = Field(default=None, description="a tokenizer other than the model's own")
    train_from: Text | None = Field(
        default=None, description="train a new byte-level BPE tokenizer on the text of this file, on the host"
    )
    vocab_size: Count = Field(default=1024, description="size of the new tokenizer's vocabulary")

    @model_validator(mode="after")
    def _one_source(self) -> TokenizerSection:
        if (self.name_or_path is None) == (self.train_from is None):
            raise ValueError("give either name_or_path or train_from")
        return self


class ModelSection(Section):
    """`model:`: a pretrained model, or a fresh one built from a configuration."""

    name_or_path: Text | None = Field(default=None, description="hub id, path, host:/path or job:NAME")
    from_config: dict[str, Any] | None = Field(
        default=None, description="build a new, untrained model: model_type and the configuration's own keys"
    )
    tokenizer: TokenizerSection | None = Field(default=None, description="needed with from_config")
    torch_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="the weights' type in memory; auto is what the model was saved in"
    )
    revision: Text | None = Field(default=None, description="branch, tag or commit of a hub model")
    trust_remote_code: bool = Field(default=False, description="run Python code that comes with the model")
    load_in_4bit: bool = Field(
        default=False, description="QLoRA: hold the weights in 4 bits under an adapter; needs bitsandbytes"
    )
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = Field(default="nf4", description="the kind of 4 bits")
    bnb_4bit_use_double_quant: bool = Field(default=True, description="the scales are quantised as well")
    attn_implementation: Text | None = Field(default=None, description="sdpa, flash_attention_2, eager …")

    @model_validator(mode="after")
    def _one_source(self) -> ModelSection:
        if (self.name_or_path is None) == (self.from_config is None):
            raise ValueError("give either name_or_path or from_config")
        if self.from_config is not None:
            if not isinstance(self.from_config.get("model_type"), str):
                raise ValueError("from_config needs model_type, such as llama or qwen2")
            if self.tokenizer is None:
                raise ValueError("a model built by from_config needs a tokenizer block")
            if self.load_in_4bit:
                raise ValueError("load_in_4bit is for a pretrained model, not for from_config")
            if self.revision is not None:
                raise ValueError("revision is for a model of the hub, not for from_config")
        return self


_WORDS = {
    "qlora": "write type: lora, and model: {load_in_4bit: true}",
    "dora": "write type: lora, and use_dora: true",
    "rslora": "write type: lora, and use_rslora: true",
    "loraplus": "write type: lora, and loraplus_lr_ratio: 16",
}
_ONLY = {
    "lora": {"bias", "use_rslora", "use_dora", "loraplus_lr_ratio"},
    "lokr": {"decompose_both", "decompose_factor"},
    "ptuning": {"num_virtual_tokens", "encoder_hidden_size"},
}
_NOT_PTUNING = {"r", "alpha", "dropout", "target_modules", "exclude_modules", "modules_to_save", "layers_to_transform"}
_NOT_PTUNING |= {"rank_pattern", "alpha_pattern"}


def _layers(value: Any) -> Any:
    """`[0, 1, "20-23"]` or `"20-23"` as a list of numbers."""
    found: list[Any] = []
    for item in value if isinstance(value, list) else [value]:
        ends = re.fullmatch(r"(\d{1,4})\s*-\s*(\d{1,4})", item.strip()) if isinstance(item, str) else None
        if ends and int(ends[1]) > int(ends[2]):
            raise ValueError(f"{item!r} ends before it begins")
        found += range(int(ends[1]), int(ends[2]) + 1) if ends else [item]
    return found


class AdapterSection(Section):
    """`adapter:`: LoRA and its relatives through PEFT. Without the block all weights are trained."""

    type: Literal["lora", "lokr", "ptuning"] = Field(description="the kind of adapter")
    r: Count = Field(default=16, description="rank")
    alpha: Count = Field(default=32, description="scale; the update counts alpha / r (PEFT: lora_alpha)")
    dropout: Fraction = Field(default=0.0, description="dropout before the adapter (PEFT: lora_dropout)")
    target_modules: TextOrList = Field(
        default="all-linear", description="which layers: all-linear, or a list such as [q_proj, v_proj]"
    )
    exclude_modules: TextOrList | None = Field(default=None, description="layers to leave out")
    modules_to_save: list[str] | None = Field(
        default=None, description="layers trained in full beside the adapter, such as [embed_tokens, lm_head]"
    )
    layers_to_transform: Annotated[list[Natural], BeforeValidator(_layers)] | None = Field(
        default=None, description="only these layer numbers, also as ranges"
    )
    rank_pattern: dict[str, Count] | None = Field(default=None, description="another rank for some layers")
    alpha_pattern: dict[str, Count] | None = Field(default=None, description="another alpha for some layers")
    bias: Literal["none", "all", "lora_only"] = Field(default="none", description="which biases are trained")
    use_rslora: bool = Field(default=False, description="scale by alpha / sqrt(r)")
    use_dora: bool = Field(default=False, description="weight-decomposed LoRA")
    loraplus_lr_ratio: Annotated[float, Field(ge=1)] | None = Field(
        default=None, description="LoRA+: how many times as fast B learns as A; its paper takes 16"
    )
    decompose_both: bool = Field(default=False, description="lokr: decompose the left factor too")
    decompose_factor: Count | None = Field(default=None, description="lokr: size of the left factor")
    num_virtual_tokens: Count = Field(default=20, description="ptuning: learnt tokens before each row")
    encoder_hidden_size: Count | None = Field(
        default=None, description="ptuning: width of the network that makes them; default: the model's"
    )
    path: Text | None = Field(
        default=None, description="go on training this adapter; its own r, alpha and target_modules count then"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_word_for_one_thing(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("type"), str) and value["type"] in _WORDS:
            raise ValueError(f"type {value['type']} has another name here: {_WORDS[value['type']]}")
        return value

    @model_validator(mode="after")
    def _keys_of_the_type(self) -> AdapterSection:
        strange = set().union(*(keys for kind, keys in _ONLY.items() if kind != self.type))
        strange |= _NOT_PTUNING if self.type == "ptuning" else set()
        for key in sorted(self.model_fields_set & strange):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{key} is not for an adapter of type {self.type}")
        return self
