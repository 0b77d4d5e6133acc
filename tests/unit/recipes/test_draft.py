"""What `lt recipe new` makes of data, model and machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_recipes import load
from lt_recipes.draft import Answers, Guess, compose, guess, methods_for, sample_rows, written
from lt_recipes.estimate import estimate, read_model
from lt_recipes.loading import PACKAGE
from lt_recipes.schema import METHODS
from lt_recipes.yaml_source import parse

QWEN = {"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28}
QWEN |= {"num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064}
SEVEN = read_model(QWEN)
HALF = read_model({**QWEN, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "head_dim": 32})


@pytest.mark.parametrize(
    ("row", "type_", "columns"),
    [
        ({"messages": [{"role": "user", "content": "a"}]}, "messages", {}),
        ({"dialogue": [{"role": "user", "content": "a"}]}, "messages", {"messages": "dialogue"}),
        ({"question": "a", "answer": "b"}, "prompt_completion", {"prompt": "question", "completion": "answer"}),
        (
            {"Instruction": "a", "Response": "b"},
            "prompt_completion",
            {"prompt": "Instruction", "completion": "Response"},
        ),
        ({"instruction": "a", "input": "", "output": "b"}, "alpaca", {}),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "preference", {}),
        ({"prompt": "a", "completion": "b", "label": True}, "unpaired_preference", {}),
        ({"content": "a"}, "text", {"text": "content"}),
        ({"prompt": "a", "solution": "4"}, "prompt", {"answer": "solution"}),
    ],
)
def test_a_row_tells_its_type_and_what_its_columns_are_called(
    row: dict[str, Any], type_: str, columns: dict[str, str]
) -> None:
    assert guess([row]) == Guess(type_, columns)


def test_the_method_decides_between_types_and_strange_rows_have_none() -> None:
    row = {"question": "What is 2 + 2?", "answer": "4"}
    assert guess([row], METHODS["grpo"].data_types) == Guess("prompt", {"prompt": "question"})
    assert guess([row, {"x": 1}]) is None
    assert guess([]) is None
    assert methods_for("preference")[0] == "dpo" and "grpo" in methods_for("prompt")


@pytest.mark.parametrize("adapter", ["lora", "qlora", "none"])
@pytest.mark.parametrize("memory", [None, 0, 8 * 10**9, 80 * 10**9])
@pytest.mark.parametrize("method", list(METHODS))
def test_each_methods_recipe_is_valid_and_reads_back_as_it_was_written(
    method: str, memory: int | None, adapter: str, tmp_path: Path
) -> None:
    type_ = METHODS[method].data_types[0]
    (tmp_path / "d.jsonl").write_text("")
    answers = Answers(method, "org/model", "d.jsonl", Guess(type_), adapter, memory, rows=500, longest=700)
    values = compose(answers)
    text = written(values, ["for a test", ""], "zh" if memory else "en")
    assert parse(text.encode(), "x").data == json.loads(json.dumps(values), parse_float=float)
    (tmp_path / "mine.yaml").write_text(text)
    made = load("mine.yaml", cwd=tmp_path)
    assert (made.method, made.resources.gpus) == (method, 0 if memory == 0 else 1)
    assert (made.adapter is None) == (adapter == "none")
    if adapter == "qlora" and memory:
        assert made.model.load_in_4bit


def made(**values: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"method": "sft", "model": "org/model", "data": "d", "guess": Guess("messages")}
    return compose(Answers(**{**base, **values}))


def test_rows_are_not_cut_where_the_machine_has_room_for_them() -> None:
    assert made(longest=900, memory=24 * 10**9)["train"]["max_length"] == 1024
    assert made(longest=9000, memory=24 * 10**9)["train"]["max_length"] == 2048  # the preset's
    assert made(longest=900, memory=24 * 10**9, context=512)["train"]["max_length"] == 512


@pytest.mark.parametrize("memory", [16 * 10**9, 24 * 10**9, 48 * 10**9])
def test_where_the_models_sizes_are_known_it_fits_the_machine(memory: int) -> None:
    values = made(longest=4000, memory=memory, known=SEVEN)
    assert estimate(METHODS["sft"].model_validate(values), SEVEN).total <= 0.9 * memory


def test_a_small_model_is_not_squeezed_into_4_bits_it_does_not_need() -> None:
    assert not made(memory=8 * 10**9, known=HALF)["model"].get("load_in_4bit")
    assert made(memory=8 * 10**9, known=SEVEN)["model"]["load_in_4bit"]


def test_old_gpus_get_float16_and_no_bfloat16() -> None:
    values = made(memory=16 * 10**9, capability=7.0)
    assert (values["model"]["torch_dtype"], values["train"]["fp16"]) == ("float16", True)
    assert made(memory=16 * 10**9, capability=7.0, adapter="none")["model"]["torch_dtype"] == "float32"


def test_few_rows_are_all_learnt_and_many_divide_into_steps() -> None:
    assert "eval" not in made(rows=40) and made(rows=40)["save"]["pull"] == "last"
    values = made(rows=220)
    assert (220 - values["eval"]["val_set_size"]) % 16 == 0


def test_rewards_suit_the_answers() -> None:
    base = {"method": "grpo", "guess": Guess("prompt"), "rows": 100}
    assert made(**base, numbers=True, answered=True)["rewards"][0]["type"] == "numeric"
    assert made(**base, answered=True)["rewards"][0]["type"] == "exact_match"
    assert made(**base)["rewards"][0]["type"] == "length"


@pytest.mark.parametrize("name", sorted(path.name for path in (PACKAGE / "data").glob("*.jsonl")))
def test_every_shipped_data_set_is_known_at_sight(name: str) -> None:
    assert guess(sample_rows(PACKAGE / "data" / name)) is not None


def test_weights_that_are_trained_themselves_are_held_in_float32() -> None:
    for method in METHODS:
        guessed = Guess(METHODS[method].data_types[0])
        whole = made(method=method, guess=guessed, memory=80 * 10**9, capability=8.0, adapter="none")
        assert whole["model"]["torch_dtype"] == "float32"
        assert whole["train"]["learning_rate"] <= 2e-5, "the gallery's for all weights, not an adapter's"


def test_turns_are_told_apart_in_conversations_alone() -> None:
    assert made()["train"]["assistant_only_loss"] is True
    assert "assistant_only_loss" not in made(guess=Guess("text"))["train"]
