"""Values as people write them: durations, sizes, counts, numbers as text."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from lt_recipes.schema import METHODS
from lt_recipes.schema.base import parse_duration, parse_size

MINIMAL: dict[str, Any] = {
    "version": 1,
    "method": "sft",
    "model": {"name_or_path": "org/model"},
    "datasets": [{"path": "host:/data/x.jsonl", "type": "messages"}],
}


def recipe(**blocks: Any) -> Any:
    return METHODS["sft"].model_validate({**MINIMAL, **blocks})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        (90, 90),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("2d", 172800),
        ("0.5h", 1800),
    ],
)
def test_a_duration_is_read_in_any_unit(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10 parsecs", "-5m", "1:30", None, True, [], "99999d", float("nan")])
def test_what_is_no_duration_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [(1024, 1024), ("1024", 1024), ("20GiB", 20 << 30), ("20 GiB", 20 << 30), ("500MB", 5 * 10**8), ("1.5k", 1500)],
)
def test_a_size_is_read_in_powers_of_1000_and_1024(text: Any, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "big", "-1", "5i", None, False, "1e400", "9" * 400])
def test_what_is_no_size_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


def test_numbers_written_as_text_are_numbers() -> None:
    train = recipe(train={"learning_rate": "2e-4", "max_steps": "10", "bf16": "false", "logging_steps": "5"}).train
    assert (train.learning_rate, train.max_steps, train.bf16, train.logging_steps) == (2e-4, 10, False, 5)


@pytest.mark.parametrize("value", [True, "many", 1.5, -1, 0, None, [1]])
def test_a_count_is_a_whole_number_from_one(value: Any) -> None:
    with pytest.raises(ValidationError):
        recipe(adapter={"type": "lora", "r": value})


@pytest.mark.parametrize("value", [0, -1, 1.5, "x", True, float("nan"), float("inf")])
def test_steps_are_a_count_or_a_fraction(value: Any) -> None:
    with pytest.raises(ValidationError):
        recipe(save={"save_steps": value})


def test_whole_steps_stay_whole_in_the_stored_form() -> None:
    dumped = recipe(save={"save_steps": 100}, eval={"val_set_size": 50, "eval_steps": 0.1}).model_dump(mode="json")
    assert repr(dumped["save"]["save_steps"]) == "100"
    assert repr(dumped["eval"]["val_set_size"]) == "50"
    assert dumped["eval"]["eval_steps"] == 0.1


def test_the_stored_train_block_holds_only_what_was_written() -> None:
    dumped = recipe(train={"learning_rate": 1e-4, "optim": None}).model_dump(mode="json")
    assert dumped["train"] == {"learning_rate": 1e-4}


def test_null_max_length_is_kept_because_it_means_never_cut() -> None:
    assert recipe(train={"max_length": None}).model_dump(mode="json")["train"] == {"max_length": None}


def test_the_stored_form_is_a_recipe_again() -> None:
    first = recipe(adapter={"type": "lora"}, timeout="2h", train={"max_length": None, "warmup_steps": 0.1})
    assert METHODS["sft"].model_validate(first.model_dump(mode="json")) == first


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"name_or_path": "a/b", "from_config": {"model_type": "llama"}},
        {"from_config": {"model_type": "llama"}},
        {"from_config": {"hidden_size": 8}, "tokenizer": {"train_from": "x.txt"}},
        {"from_config": {"model_type": "llama"}, "tokenizer": {}},
        {"from_config": {"model_type": "llama"}, "tokenizer": {"train_from": "x.txt"}, "revision": "main"},
    ],
)
def test_a_model_has_exactly_one_source(model: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        recipe(model=model)


@pytest.mark.parametrize("block", [{"eval_steps": 10}, {"early_stopping_patience": 2}, {"eval_on_start": True}])
def test_evaluation_settings_need_rows_to_evaluate_on(block: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="val_set_size"):
        recipe(eval=block)
    assert recipe(eval={**block, "val_set_size": 0.1}).eval.active


def test_pulling_the_best_needs_an_evaluation() -> None:
    with pytest.raises(ValidationError, match="needs an evaluation"):
        recipe(save={"pull": "best"})
    assert recipe(save={"pull": "best"}, eval={"val_set_size": 5}).save.pull == "best"


@pytest.mark.parametrize("name", ["HF_TOKEN", "WANDB_API_KEY", "my_password", "AWS_SECRET_ACCESS_KEY", "OPENAI_APIKEY"])
def test_secrets_are_kept_out_of_a_recipe(name: str) -> None:
    with pytest.raises(ValidationError, match="secret"):
        recipe(env={"variables": {name: "x"}})


def test_harmless_variables_are_taken_as_text() -> None:
    env = recipe(env={"variables": {"NCCL_DEBUG": "INFO", "TOKENIZERS_PARALLELISM": "false", "N": 3}}).env
    assert env.variables == {"NCCL_DEBUG": "INFO", "TOKENIZERS_PARALLELISM": "false", "N": "3"}


@pytest.mark.parametrize("name", ["LT_JOB", "CUDA_VISIBLE_DEVICES", "PYTHONPATH", "A B", "1X", ""])
def test_variables_that_lt_sets_or_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        recipe(env={"variables": {name: "x"}})


@pytest.mark.parametrize("line", ["--index-url x", "-r other.txt", "a\n--pre", "./local", ""])
def test_a_requirement_cannot_smuggle_options_to_uv(line: str) -> None:
    with pytest.raises(ValidationError):
        recipe(env={"packages": [line]})


def test_python_and_lock_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="not both"):
        recipe(env={"python": "/opt/conda/bin/python", "lock": "sft"})


def test_two_precisions_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="choose one"):
        recipe(train={"bf16": True, "fp16": True})


def test_columns_are_those_of_the_type() -> None:
    with pytest.raises(ValidationError, match="has no prompt"):
        recipe(datasets=[{"path": "a/b", "type": "messages", "columns": {"prompt": "x"}}])


def test_an_adapter_to_go_on_from_may_be_named_at_the_model() -> None:
    block = {"name_or_path": "org/model", "adapter": "job:calm-otter"}
    short = recipe(model=block)
    assert (short.model.name_or_path, short.adapter and short.adapter.path) == ("org/model", "job:calm-otter")
    assert short == recipe(adapter={"type": "lora", "path": "job:calm-otter"})
    assert recipe(model=block, adapter={"type": "lokr"}).adapter.type == "lokr"
    assert recipe(model=block, adapter={"type": "lora", "path": "job:calm-otter"}) == short
    with pytest.raises(ValidationError, match="two adapters"):
        recipe(model=block, adapter={"type": "lora", "path": "job:other"})


def test_rows_of_text_have_no_turns_to_tell_apart() -> None:
    text = [{"path": "a.jsonl", "type": "text"}]
    with pytest.raises(ValidationError, match="no turns"):
        recipe(datasets=text, train={"assistant_only_loss": True})
    assert recipe(datasets=text, train={"assistant_only_loss": None}).train.assistant_only_loss is None


def test_further_columns_are_for_prompts_by_names_that_rewards_can_be_called_with() -> None:
    prompt = METHODS["grpo"].model_validate
    base = {"version": 1, "method": "grpo", "model": {"name_or_path": "org/model"}, "rewards": [{"type": "length"}]}
    entry = {"path": "a.jsonl", "type": "prompt"}
    made = prompt({**base, "datasets": [{**entry, "columns": {"prompt": "question", "tests": "test_list"}}]})
    assert made.datasets[0].columns["tests"] == "test_list"
    for name in ("completions", "log_metric", "tools", "two words"):
        with pytest.raises(ValidationError, match="another name"):
            prompt({**base, "datasets": [{**entry, "columns": {name: "x"}}]})
    with pytest.raises(ValidationError, match="has no tests"):
        recipe(datasets=[{"path": "a.jsonl", "type": "messages", "columns": {"tests": "x"}}])
