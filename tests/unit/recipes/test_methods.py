"""Recipes of every method: what suits which, what a reward needs, what extends what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lt_agent.trainers.registry import METHODS as WORKER_METHODS
from lt_agent.trainers.rewards.text import SCORES
from lt_recipes import RecipeError, gallery, load, local_paths
from lt_recipes.loading import presets
from lt_recipes.schema import METHODS
from lt_recipes.schema.recipe import BITSANDBYTES
from lt_recipes.schema.rewards import KEYS


def recipe(method: str, **sections: Any) -> Any:
    data: dict[str, Any] = {"version": 1, "method": method, "model": {"name_or_path": "a/b"}}
    data["datasets"] = [{"path": "x", "type": METHODS[method].data_types[0]}]
    if method in ("grpo", "gspo", "rloo", "ppo"):
        data["rewards"] = [{"type": "numeric"}]
    return METHODS[method].model_validate({**data, **sections})


def told(method: str, **sections: Any) -> str:
    with pytest.raises(ValidationError) as error:
        recipe(method, **sections)
    return str(error.value)


def test_recipes_and_worker_know_the_same_methods_and_rewards() -> None:
    assert set(METHODS) == set(WORKER_METHODS)
    assert set(KEYS) == set(SCORES) | {"code", "python", "model", "judge"}


@pytest.mark.parametrize(
    ("method", "type_"), [("sft", "preference"), ("dpo", "messages"), ("kto", "preference"), ("grpo", "messages")]
)
def test_data_that_does_not_suit_the_method_is_told(method: str, type_: str) -> None:
    assert f"{method} learns from" in told(method, datasets=[{"path": "x", "type": type_}])


@pytest.mark.parametrize(
    ("method", "sections", "words"),
    [
        ("grpo", {"grpo": {"num_generations": 7}}, "must divide the 8 answers"),
        ("rloo", {"train": {"per_device_train_batch_size": 1}}, "must divide the 1 answers"),
        ("ppo", {"ppo": {"target": 3.0}}, "target is for adap_kl_ctrl"),
        ("ppo", {"eval": {"val_set_size": 0.1}}, "write eval_reward"),
        ("sft", {"parallel": {"strategy": "fsdp"}, "resources": {"gpus": 0}}, "fsdp needs GPUs"),
        ("sft", {"parallel": {"processes": 2}, "resources": {"gpus": 4}}, "with 4 GPUs there are 4"),
        ("sft", {"parallel": {"zero_stage": 3}}, "zero_stage is not for strategy ddp"),
        ("sft", {"parallel": {"strategy": "deepspeed"}}, "deepspeed needs its package"),
        ("sft", {"train": {"deepspeed": {}}}, "deepspeed"),
        ("ppo", {"parallel": {"strategy": "fsdp"}}, "ppo lets a whole model write"),
        ("grpo", {"rewards": [{"type": "regex"}]}, "needs pattern"),
        ("grpo", {"rewards": [{"type": "numeric", "pattern": "a"}]}, "has no pattern"),
        ("grpo", {"rewards": [{"type": "regex", "pattern": "("}]}, "no regular expression"),
        ("grpo", {"rewards": []}, "at least 1"),
        ("dpo", {"dpo": {"loss_type": "exo_pair"}}, "label_smoothing"),
        ("dpo", {"dpo": {"loss_type": ["sft", "ipo"], "loss_weights": [1]}}, "a weight for each of the 2"),
        ("kto", {"train": {"per_device_train_batch_size": 1}}, "at least 2"),
        ("dpo", {"adapter": {"type": "ptuning"}}, "ptuning is for sft alone"),
        ("sft", {"adapter": {"type": "qlora"}}, "load_in_4bit: true"),
        ("sft", {"adapter": {"type": "lokr", "use_dora": True}}, "use_dora is not for"),
        ("sft", {"model": {"name_or_path": "a/b", "load_in_4bit": True}}, "needs an adapter"),
    ],
)
def test_what_would_fail_later_is_told_at_once(method: str, sections: dict[str, Any], words: str) -> None:
    assert words in told(method, **sections)


def test_layers_may_be_ranges() -> None:
    made = recipe("sft", adapter={"type": "lora", "layers_to_transform": [0, "4-6"]})
    assert made.adapter.layers_to_transform == [0, 4, 5, 6]
    assert "ends before it begins" in told("sft", adapter={"type": "lora", "layers_to_transform": "6-4"})


def test_a_block_is_handed_on_as_it_was_written() -> None:
    dumped = recipe("grpo", grpo={"num_generations": 4, "beta": None}).model_dump(mode="json")
    assert dumped["grpo"] == {"num_generations": 4}
    assert dumped["rewards"] == [{"type": "numeric"}]


def test_extending_lays_block_over_block_and_null_takes_away(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("")
    (tmp_path / "base.yaml").write_text("extends: sft-lora\ntrain: {learning_rate: 1e-3}\neval: null\nsave: null\n")
    mine = tmp_path / "below" / "mine.yaml"
    mine.parent.mkdir()
    mine.write_text("extends: [../base.yaml, 16gb]\nadapter: {r: 8}\ndatasets: [{path: ../rows.jsonl, type: alpaca}]\n")
    made = load(mine)
    assert made.adapter is not None
    assert (made.adapter.r, made.adapter.alpha) == (8, 32)
    assert made.train.learning_rate == 1e-3
    assert made.train.gradient_accumulation_steps == 4  # the preset's
    assert not made.eval.active
    assert [entry.type for entry in made.datasets] == ["alpaca"]


def test_a_path_of_what_is_extended_is_looked_for_beside_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: tiny-dpo\n")
    (data, *_) = [item for item in local_paths(load(mine), cwd=tmp_path) if item.key == "datasets.0.path"]
    assert data.path.name == "gpu_box_preference.jsonl"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extends: stf-lora\n", "did you mean sft-lora"),
        ("extends: mine.yaml\n", "leads back to itself"),
        ("extends: [3]\n", "must name a recipe"),
    ],
)
def test_what_can_not_be_extended_is_told_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("# a comment\n" + text)
    with pytest.raises(RecipeError, match=words) as error:
        load(tmp_path / "mine.yaml", cwd=tmp_path)
    assert error.value.problems[0].line == 2


@pytest.mark.parametrize("name", presets())
def test_a_preset_goes_with_the_recipe_it_was_made_for(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"extends: [sft-lora, {name}]\n")
    train = load(tmp_path / "mine.yaml", check_paths=False).train
    assert (train.per_device_train_batch_size or 0) * (train.gradient_accumulation_steps or 0) == 16


def test_what_the_recipe_needs_beside_the_lock_is_added_to_its_environment() -> None:
    four = {"model": {"name_or_path": "a/b", "load_in_4bit": True}, "adapter": {"type": "lora"}}
    assert recipe("sft").environment.packages == []
    assert recipe("sft", **four).environment.packages == [BITSANDBYTES]
    assert recipe("sft", train={"optim": "adamw_8bit"}).environment.packages == [BITSANDBYTES]
    own = {"env": {"packages": ["bitsandbytes==0.50.2"]}}
    assert recipe("sft", **four, **own).environment.packages == ["bitsandbytes==0.50.2"]


def test_gallery_recipes_that_train_all_weights_hold_them_in_float32() -> None:
    made = [load(entry.name, check_paths=False) for entry in gallery()]
    assert {one.model.torch_dtype for one in made if one.adapter is None} == {"float32"}
    assert {one.method for one in made if one.adapter is None and one.model.name_or_path} == set(METHODS)
