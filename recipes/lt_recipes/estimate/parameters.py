"""Exact parameter counts of decoder models from their `config.json`; held against torch's meta device by tests.

The shapes are those of transformers' own modelling files (`src/transformers/models/<model_type>/modeling_*.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class UnknownModelError(ValueError):
    """A model type whose layers are not known here, or a configuration that lacks a size."""


@dataclass(frozen=True)
class Linear:
    """A linear layer's shape. `count` of them in each transformer layer (experts), of which a token uses `active`."""

    name: str
    inputs: int
    outputs: int
    bias: bool = False
    count: int = 1
    active: int = 1

    @property
    def parameters(self) -> int:
        """Of all of them."""
        return self.count * (self.inputs * self.outputs + (self.outputs if self.bias else 0))


@dataclass(frozen=True)
class Model:
    """Sizes of a decoder. Parameters are counts, widths are numbers of channels."""

    kind: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied: bool  # the output layer shares the embedding's weights
    linears: tuple[Linear, ...]  # of one layer
    norms: int  # parameters of one layer's norms
    last_norm: int
    positions: int  # learnt position embeddings, parameters

    @property
    def embedding(self) -> int:
        """The input embedding's parameters."""
        return self.vocab * self.hidden

    @property
    def linear(self) -> int:
        """Parameters of all linear layers inside the transformer's layers: what 4 bits apply to."""
        return self.layers * sum(layer.parameters for layer in self.linears)

    @property
    def parameters(self) -> int:
        """All weights, shared ones once."""
        head = 0 if self.tied else self.embedding
        return self.embedding + head + self.positions + self.linear + self.layers * self.norms + self.last_norm

    @property
    def active(self) -> int:
        """The parameters that one token passes through: fewer than all where there are experts."""
        unused = sum((layer.count - layer.active) * layer.parameters // layer.count for layer in self.linears)
        return self.parameters - self.layers * unused


def read_model(config: Mapping[str, Any]) -> Model:
    """The sizes that a `config.json` gives. Raises UnknownModelError with what is missing or not known."""
    config = config.get("text_config") or config
    kind = str(config.get("model_type"))
    if kind == "gpt2":
        return _gpt2(config)
    if kind not in _LLAMA_LIKE:
        raise UnknownModelError(f"model type {kind!r} is not known here; known: {', '.join(known_types())}")
    hidden, layers, heads = (_size(config, key) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    traits = _LLAMA_LIKE[kind]
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_dim = int(config.get("head_dim") or hidden // heads)
    intermediate = _size(config, "intermediate_size")
    bias = bool(config.get("attention_bias", traits.get("bias", False)))
    mlp_bias = bool(config.get("mlp_bias", False))
    queries, keys = heads * head_dim, kv_heads * head_dim
    linears: list[Linear]
    if traits.get("fused"):
        linears = [Linear("qkv_proj", hidden, queries + 2 * keys), Linear("o_proj", queries, hidden)]
        linears += [Linear("gate_up_proj", hidden, 2 * intermediate), Linear("down_proj", intermediate, hidden)]
    else:
        linears = [Linear("q_proj", hidden, queries, bias), Linear("k_proj", hidden, keys, bias)]
        linears += [Linear("v_proj", hidden, keys, bias)]
        linears += [Linear("o_proj", queries, hidden, bias and not traits.get("no_output_bias"))]
        linears += _mlp(config, traits, hidden, intermediate, mlp_bias)
    norms = int(traits.get("norms", 2)) * hidden + (2 * head_dim if traits.get("head_norms") else 0)
    return Model(
        kind=kind,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate=intermediate,
        vocab=_size(config, "vocab_size"),
        tied=bool(config.get("tie_word_embeddings", traits.get("tied", False))),
        linears=tuple(linears),
        norms=norms,
        last_norm=hidden,
        positions=0,
    )


def known_types() -> list[str]:
    """The model types that can be counted."""
    return sorted([*_LLAMA_LIKE, "gpt2"])


_LLAMA_LIKE: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {},
    "qwen2": {"bias": True, "no_output_bias": True},
    "qwen3": {"head_norms": True},
    "qwen3_moe": {"head_norms": True, "experts": "num_experts"},
    "mixtral": {"experts": "num_local_experts"},
    "phi3": {"fused": True},
    "gemma": {"tied": True},
    "gemma2": {"tied": True, "norms": 4},
    "gemma3_text": {"tied": True, "norms": 4, "head_norms": True},
    "smollm3": {"tied": True},
}
"""What tells one architecture from Llama's: biases, norms per head or around each part, shared embeddings, experts."""


def _mlp(
    config: Mapping[str, Any], traits: Mapping[str, Any], hidden: int, intermediate: int, bias: bool
) -> list[Linear]:
    count, active = 1, 1
    found: list[Linear] = []
    if traits.get("experts"):
        name = str(traits["experts"])  # transformers 5 writes all of them as num_local_experts
        count = _size(config, name if name in config else "num_local_experts")
        active = int(config.get("num_experts_per_tok") or 2)
        intermediate = int(config.get("moe_intermediate_size") or intermediate)
        found.append(Linear("router", hidden, count))
    found += [Linear(name, hidden, intermediate, bias, count, active) for name in ("gate_proj", "up_proj")]
    return [*found, Linear("down_proj", intermediate, hidden, bias, count, active)]


def _gpt2(config: Mapping[str, Any]) -> Model:
    hidden, layers, heads, vocab = (_size(config, key) for key in ("n_embd", "n_layer", "n_head", "vocab_size"))
    inner = int(config.get("n_inner") or 4 * hidden)
    linears = (
        Linear("c_attn", hidden, 3 * hidden, True),
        Linear("attn.c_proj", hidden, hidden, True),
        Linear("c_fc", hidden, inner, True),
        Linear("mlp.c_proj", inner, hidden, True),
    )
    return Model(
        kind="gpt2",
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        intermediate=inner,
        vocab=vocab,
        tied=bool(config.get("tie_word_embeddings", True)),
        linears=linears,
        norms=4 * hidden,
        last_norm=2 * hidden,
        positions=int(config.get("n_positions") or 1024) * hidden,
    )


def _size(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise UnknownModelError(f"the model's configuration has no {key}")
    return value
