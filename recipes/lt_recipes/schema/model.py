"""`model:` and `adapter:`: what is trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

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
            if self.revision is not None:
                raise ValueError("revision is for a model of the hub, not for from_config")
        return self


class AdapterSection(Section):
    """`adapter:`: LoRA through PEFT. Without the block all weights are trained."""

    type: Literal["lora"] = Field(description="the kind of adapter")
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
    layers_to_transform: list[Natural] | None = Field(default=None, description="only these layer numbers")
    rank_pattern: dict[str, Count] | None = Field(default=None, description="another rank for some layers")
    alpha_pattern: dict[str, Count] | None = Field(default=None, description="another alpha for some layers")
    bias: Literal["none", "all", "lora_only"] = Field(default="none", description="which biases are trained")
    use_rslora: bool = Field(default=False, description="scale by alpha / sqrt(r)")
    use_dora: bool = Field(default=False, description="weight-decomposed LoRA")
    path: Text | None = Field(
        default=None, description="go on training this adapter; its own r, alpha and target_modules count then"
    )
