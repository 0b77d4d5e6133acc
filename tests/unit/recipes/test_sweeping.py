"""`sweep:` in a recipe: each form that people write, every trial checked beforehand, problems by line and key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lt_recipes.loading import load, load_placed
from lt_recipes.problems import RecipeError
from lt_recipes.schema.command import CommandRecipe
from lt_recipes.schema.sweep import SpaceSection, SweepSection
from lt_recipes.sweeping import Sweep, load_sweep, trial_command
from lt_recipes.sweeping.expansion import flattened
from lt_recipes.yaml_source import parse_value

DOCS = Path(__file__).parents[3] / "docs"
RECIPE = "version: 1\nextends: tiny-sft\n"
COMMAND = "version: 1\ncommand: python train.py --lr {lr} --hidden {hidden}\nparameters: {lr: 1e-3, hidden: 8}\n"


def read(folder: Path, text: str, *overrides: str) -> Sweep:
    (folder / "recipe.yaml").write_text(text)
    found = load_sweep("recipe.yaml", overrides, folder)
    assert found is not None
    return found


def problems(folder: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        read(folder, text, *overrides)
    return [str(problem) for problem in caught.value.problems]


def test_lists_beside_the_settings_are_a_grid(tmp_path: Path) -> None:
    text = RECIPE + "sweep:\n  train.learning_rate: [1e-5, 1e-4]\n  seed: [1, 2, 3]\n  metric: loss\n"
    found = read(tmp_path, text)
    assert found.trials[0] == {"train.learning_rate": 1e-5, "seed": 1} and len(found.trials) == 6
    assert found.trials[1] == {"train.learning_rate": 1e-5, "seed": 2}
    assert found.section.metric == "loss" and found.command is None and found.title == "recipe"


@pytest.mark.parametrize(
    "block",
    [
        "{grid: {train.learning_rate: [1e-5, 1e-4]}}",
        "{grid: {train: {learning_rate: [1e-5, 1e-4]}}}",
        "{train: {learning_rate: [1e-5, 1e-4]}}",
    ],
)
def test_blocks_and_dotted_keys_mean_the_same(tmp_path: Path, block: str) -> None:
    assert read(tmp_path, f"{RECIPE}sweep: {block}\n").section.grid == {"train.learning_rate": [1e-5, 1e-4]}


def test_the_command_line_can_sweep_and_change_a_sweep(tmp_path: Path) -> None:
    found = read(tmp_path, RECIPE, "sweep.grid.train.learning_rate=[1e-5, 1e-4]", "sweep.concurrency=2")
    assert found.section.grid == {"train.learning_rate": [1e-5, 1e-4]} and found.section.concurrency == 2
    assert load_sweep("recipe.yaml", ["sweep=null"], tmp_path) is None


def test_a_search_names_where_each_value_comes_from(tmp_path: Path) -> None:
    search = (
        "{train.learning_rate: {log: [1e-6, 1e-3]}, seed: {integer: [1, 9]}, train.optim: [adamw_torch, adafactor]}"
    )
    found = read(tmp_path, f"{RECIPE}sweep: {{search: {search}, trials: 20, metric: loss}}\n").section
    assert [space.kind for space in found.search.values()] == ["log", "integer", "choice"]
    assert found.search["train.learning_rate"].bounds == (1e-6, 1e-3)


def test_a_recipe_without_a_sweep_has_none(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE + "sweep:\n")
    assert load_sweep("recipe.yaml", [], tmp_path) is None
    assert load_sweep("tiny-sft") is None


def test_values_of_a_command_are_its_parameters(tmp_path: Path) -> None:
    found = read(tmp_path, COMMAND + "sweep: {lr: [1e-4, 1e-2], hidden: [16]}\n")
    assert found.folder == tmp_path and found.command is not None
    assert found.trials[1] == {"parameters.lr": 1e-2, "parameters.hidden": 16}
    trial = trial_command(found.command, found.trials[1])
    assert trial.argv == ["python", "train.py", "--lr", "0.01", "--hidden", "16"]


def test_a_command_can_be_swept_by_its_patience_unless_a_word_has_that_name(tmp_path: Path) -> None:
    found = read(tmp_path, COMMAND + "sweep: {lr: [1], hidden: [1], retries: [0, 3], timeout: [1h, 2h]}\n")
    assert found.trials[3] == {"parameters.lr": 1, "parameters.hidden": 1, "retries": 3, "timeout": "2h"}
    assert found.command is not None
    trial = trial_command(found.command, found.trials[3])
    assert (trial.retries, trial.timeout) == (3, 7200.0)
    named = "version: 1\ncommand: [x, '{timeout}']\nsweep: {timeout: [1, 2]}\n"
    assert read(tmp_path, named).trials[0] == {"parameters.timeout": 1}


def test_a_parameter_reaches_the_environment(tmp_path: Path) -> None:
    text = (
        "version: 1\ncommand: [sh, -c, 'echo ${LR} {{x}}']\nenv: {variables: {LR: '{lr}'}}\nsweep: {lr: [0.5, true]}\n"
    )
    with pytest.raises(RecipeError):
        read(tmp_path, text)  # ${LR} is a placeholder of ours as it stands
    found = read(tmp_path, text.replace("${LR}", "$LR"))
    assert found.command is not None
    trials = [trial_command(found.command, values) for values in found.trials]
    assert [trial.variables for trial in trials] == [{"LR": "0.5"}, {"LR": "true"}]
    assert trials[0].argv == ["sh", "-c", "echo $LR {x}"]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (
            "train.learnin_rate: [1]",
            "recipe.yaml:4: sweep.train.learnin_rate: is not known (did you mean learning_rate?)",
        ),
        ("train.max_steps: [5, x]", "recipe.yaml:4: sweep.train.max_steps: must be a whole number, not 'x'"),
        (
            "seed: 3",
            "recipe.yaml:4: sweep.seed: must be a list of the values to try (train.learning_rate: [1e-5, 1e-4])",
        ),
        ("seed: []", "recipe.yaml:4: sweep.seed: has no values"),
        ("seed: [1, 1]", "recipe.yaml:4: sweep.seed: has the same value twice"),
        ("concurency: 2", "recipe.yaml:4: sweep.concurency: is not known (did you mean concurrency?)"),
        ("metric: loss", "recipe.yaml:3: sweep: must have values to try, in a grid"),
        ("method: [sft]", "recipe.yaml:4: sweep.method: is the same for all trials"),
        ("search: {seed: {log: [9, 1]}}", "recipe.yaml:4: sweep.search.seed: must name the lower bound first"),
        ("search: {seed: {log: [0, 1]}}", "recipe.yaml:4: sweep.search.seed: must begin above 0"),
        (
            "{search: {seed: {integr: [0, 1]}}, trials: 2, metric: loss}",
            "recipe.yaml:4: sweep.search.seed.integr: must be a whole number, not a block of keys",
        ),
        ("search: {seed: 3}", "recipe.yaml:4: sweep.search.seed: must say where its values come from"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_key(tmp_path: Path, block: str, told: str) -> None:
    found = problems(tmp_path, f"{RECIPE}sweep:\n  {block}\n")
    assert len(found) == 1 and found[0].startswith(told), found


def test_every_trial_of_a_grid_is_checked_and_each_problem_told_once(tmp_path: Path) -> None:
    text = RECIPE + "sweep:\n  seed: [1, 2, 3]\n  train.optim: [adamw_torch, 5]\n  train.max_steps: [-1, 2]\n"
    found = problems(tmp_path, text)
    assert [line.split(": ")[:2] for line in found] == [
        ["recipe.yaml:5", "sweep.train.optim"],
        ["recipe.yaml:6", "sweep.train.max_steps"],
    ]


def test_the_ends_of_a_search_are_checked(tmp_path: Path) -> None:
    search = "{train.max_steps: {uniform: [1, 9]}, train.adam_beta1: {uniform: [0.5, 1.5]}}"
    found = problems(tmp_path, f"{RECIPE}sweep: {{search: {search}, trials: 9, metric: loss}}\n")
    assert ["max_steps" in line for line in found] == [True, False], found  # no whole number lies between, mostly


def test_settings_that_need_others_say_so(tmp_path: Path) -> None:
    assert "trials: " in problems(tmp_path, RECIPE + "sweep: {search: {seed: [1, 2]}}\n")[0]
    told = problems(tmp_path, RECIPE + "sweep:\n  seed: [1]\n  metric: eval_accuracy\n")
    assert told[0].startswith("recipe.yaml:3: sweep.direction: say whether eval_accuracy is better high")
    assert "needs a metric" in problems(tmp_path, RECIPE + "sweep: {seed: [1], pruner: median}\n")[0]


def test_a_grid_of_too_many_trials_is_refused_before_any_is_made(tmp_path: Path) -> None:
    values = ", ".join(map(str, range(1, 200)))
    told = problems(tmp_path, f"{RECIPE}sweep: {{seed: [{values}], train.max_steps: [{values}]}}\n")
    assert "makes 39601 trials" in told[0]


def test_an_axis_inside_another_is_refused(tmp_path: Path) -> None:
    text = RECIPE + "sweep: {adapter: [null, {type: lora}], adapter.r: [8, 16]}\n"
    assert "lies inside adapter" in problems(tmp_path, text)[0]


def test_a_placeholder_without_a_value_and_a_value_without_a_place_are_refused(tmp_path: Path) -> None:
    assert (
        "'lr' in braces is no parameter"
        in problems(tmp_path, COMMAND.replace("lr: 1e-3, ", "") + "sweep: {hidden: [1]}\n")[0]
    )
    assert "sweep.other: no word names it in braces" in problems(tmp_path, COMMAND + "sweep: {other: [1]}\n")[0]


def test_paths_among_the_values_are_found_from_elsewhere(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"text": "x"}\n')
    found = read(tmp_path, RECIPE + "sweep: {datasets.0.path: [a.jsonl, b.jsonl]}\n")
    assert found.section.grid["datasets.0.path"] == [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    (tmp_path / "b.jsonl").unlink()
    assert "b.jsonl" in problems(tmp_path, RECIPE + "sweep:\n  datasets.0.path: [a.jsonl, b.jsonl]\n")[0]


def test_what_reads_a_recipe_sees_the_first_trial(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE + "sweep: {train.max_steps: [7, 8]}\n")
    assert load("recipe.yaml", [], tmp_path).train.max_steps == 7
    (tmp_path / "recipe.yaml").write_text(COMMAND)
    with pytest.raises(RecipeError, match="is a recipe for a command"):
        load_placed("recipe.yaml", [], tmp_path)


ROW = re.compile(r"\| `(\w+)` \| .+ \| `(.+)` \|\Z")
NEEDED: dict[str, Any] = {
    "sweep": {"grid": {"seed": [1]}, "metric": "loss"},
    "search": {},
    "command": {"version": 1, "command": "python train.py --lr {lr}", "parameters": {"lr": 1e-3}},
    "resources": {},
    "env": {},
}
MODELS = {"sweep": SweepSection, "search": SpaceSection, "command": CommandRecipe}


@pytest.mark.parametrize("block", list(MODELS))
def test_every_key_is_documented_by_a_line_to_paste(block: str) -> None:
    text = (DOCS / "sweeps.md").read_text(encoding="utf-8").partition(f"### {block}\n")[2].partition("\n#")[0]
    rows = [found.groups() for line in text.splitlines() if (found := ROW.match(line))]
    ours = set(MODELS[block].model_fields)
    assert {key for key, _ in rows} == (ours - {"version"} | {"sweep"} if block == "command" else ours)
    for key, line in rows:
        value = parse_value(line)
        assert list(value) == [key]
        beside = dict(NEEDED[block])
        if key == "sweep":  # taken out before the rest is read
            SweepSection.model_validate({"grid": {"lr": value["sweep"]["lr"]}, "metric": "val_loss"})
            continue
        if key == "search":
            beside = {"trials": 9, "metric": "loss"}
        if key == "trials":
            beside = {"search": {"seed": {"choice": [1]}}, "metric": "loss"}
        MODELS[block].model_validate({**beside, **value})


def test_a_block_of_a_sweep_with_nothing_in_it_is_not_passed_over() -> None:
    block = {"train": {}, "model": {"name": [1, 2]}}
    assert flattened(block, lambda value: isinstance(value, list)) == {("train",): {}, ("model", "name"): [1, 2]}
