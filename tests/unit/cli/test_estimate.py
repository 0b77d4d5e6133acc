"""`lt estimate`: memory by parts, fit on a host that was looked at, and the changes that make it fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lt_controller.store.times import iso
from support.cli import Lt
from support.store import START, Store

QWEN = {
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
}


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(QWEN))
    return str(path)


def gpu(store: Store, gigabytes: int) -> None:
    """What the built-in host was seen to have."""
    facts = {"gpus": [{"index": 0, "uuid": "GPU-1", "name": "A GPU", "memory_total": gigabytes * 10**9}]}
    store.insert("facts", host="local", time=iso(START), data=facts)


def test_the_parts_of_a_recipe_and_their_sum(lt: Lt, config: str) -> None:
    found = json.loads(lt("estimate", "sft-lora", "--config", config, "--json").out)
    assert found["parameters"] == 7_615_616_512
    assert found["parts"]["weights"] == 2 * found["parameters"]
    assert found["total"] == pytest.approx(sum(found["parts"].values()))
    assert found["fits"] is None
    assert "7,615,616,512 weights" in lt("estimate", "sft-lora", "--config", config).out


def test_a_recipe_that_fits_and_one_that_does_not_with_what_to_change(store: Store, lt: Lt, config: str) -> None:
    gpu(store, 24)
    assert "It fits local" in lt("estimate", "sft-lora", "--config", config, "--host", "local").out
    long = ["estimate", "sft-lora", "train.max_length=16384", "--config", config, "--host", "local"]
    done = lt(*long, code=1)
    assert "train.per_device_train_batch_size=1" in done.out
    changes = json.loads(lt(*long, "--json", code=1).out)["changes"]
    assert (
        lt("estimate", "sft-lora", "train.max_length=16384", *changes, "--config", config, "--host", "local").code == 0
    )


def test_a_model_built_by_the_recipe_needs_no_configuration(lt: Lt) -> None:
    assert json.loads(lt("estimate", "tiny-dpo", "--json").out)["parts"]["reference"] > 0


def test_a_configuration_that_is_not_to_be_had_is_told(lt: Lt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    done = lt("estimate", "sft-lora", code=None)
    assert done.code == 1
    assert "--config FILE" in done.err
