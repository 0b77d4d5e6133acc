"""Parameter counts against torch's meta device: the same model without its memory."""

from __future__ import annotations

from typing import Any

import pytest

from lt_recipes.estimate import UnknownModelError, read_model
from lt_recipes.estimate.parameters import known_types

SMALL: dict[str, Any] = {
    "hidden_size": 96,
    "intermediate_size": 160,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "vocab_size": 500,
}
CONFIGS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2", "smollm3"), SMALL),
    "gemma3_text": {**SMALL, "head_dim": 32},
    "mixtral": {**SMALL, "num_local_experts": 4, "num_experts_per_tok": 2},
    "qwen3_moe": {**SMALL, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64},
    "gpt2": {"n_embd": 96, "n_layer": 3, "n_head": 6, "vocab_size": 500},
}
TOKENS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def test_every_known_type_is_held() -> None:
    assert set(CONFIGS) == set(known_types())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", CONFIGS)
def test_the_count_is_that_of_the_meta_device(kind: str, tied: bool) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = transformers.AutoConfig.for_model(kind, **CONFIGS[kind], **TOKENS, tie_word_embeddings=tied)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    assert read_model(config.to_dict()).parameters == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize(
    ("config", "billions"),
    [
        (
            # Qwen2.5-7B, its published 7.61 B
            {
                "model_type": "qwen2",
                "hidden_size": 3584,
                "intermediate_size": 18944,
                "num_hidden_layers": 28,
                "num_attention_heads": 28,
                "num_key_value_heads": 4,
                "vocab_size": 152064,
            },
            7.616,
        ),
        (
            # Llama 3.1 8B, its published 8.03 B
            {
                "model_type": "llama",
                "hidden_size": 4096,
                "intermediate_size": 14336,
                "num_hidden_layers": 32,
                "num_attention_heads": 32,
                "num_key_value_heads": 8,
                "vocab_size": 128256,
            },
            8.030,
        ),
    ],
)
def test_published_sizes_come_out(config: dict[str, Any], billions: float) -> None:
    assert read_model(config).parameters / 1e9 == pytest.approx(billions, abs=0.001)


def test_a_token_passes_through_fewer_weights_where_there_are_experts() -> None:
    model = read_model({"model_type": "mixtral", **CONFIGS["mixtral"]})
    expert = 3 * 96 * 160
    assert model.parameters - model.active == 3 * 2 * expert


def test_what_is_not_known_is_told() -> None:
    with pytest.raises(UnknownModelError, match="model type 'mamba' is not known here"):
        read_model({"model_type": "mamba"})
    with pytest.raises(UnknownModelError, match="no vocab_size"):
        read_model({"model_type": "llama", **SMALL, "vocab_size": None})
