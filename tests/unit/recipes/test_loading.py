"""All problems of a recipe at once, each with its place and a way to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_recipes import RecipeError, gallery, load, new_recipe
from lt_recipes.problems import COMMAND_LINE
from lt_recipes.schema import METHODS

GOOD = """\
version: 1
method: sft
model: {name_or_path: org/model}
datasets:
  - {path: host:/data/x.jsonl, type: messages}
train:
  learning_rate: 2e-4
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str, *overrides: str) -> list[str]:
    path = write(folder, text)
    with pytest.raises(RecipeError) as caught:
        load(path, overrides, folder)
    return [str(problem) for problem in caught.value.problems]


def test_a_good_recipe_loads(tmp_path: Path) -> None:
    recipe = load(write(tmp_path, GOOD), ["train.max_steps=7"])
    assert recipe.train.learning_rate == 2e-4
    assert recipe.train.max_steps == 7
    assert recipe.folder == tmp_path


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD.replace(
        "learning_rate: 2e-4", "learning_rte: 2e-4\n  max_steps: many\n  max_steps: 3\nsave: {pull: bst}"
    )
    told = problems(tmp_path, text, "train.bf16=perhaps", "nonsense")
    assert [line.split(": ")[0] for line in told] == [f"mine.yaml:{n}" for n in (7, 8, 9, 10)] + [COMMAND_LINE] * 2
    assert "did you mean learning_rate?" in told[0]
    assert "must be a whole number, not 'many'" in told[1]
    assert "did you mean best?" in told[3]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train: {warmup_ratio: 0.1}", "write warmup_steps: 0.03"),
        ("train: {max_seq_length: 10}", "write max_length"),
        ("train: {output_dir: x}", "lt decides where a run writes"),
        ("train: {eval_steps: 5}", "write eval: {eval_steps"),
        ("train: {logging_nan_inf_filter: true}", "hide a loss that became NaN"),
        ("train: {auto_find_batch_size: true}", "effective batch"),
        ("train: {push_to_hbu: wandb}", "uploads nothing"),
        ("train: {push_to_hub: true}", "uploads nothing"),
        ("adapter: {type: lora, lora_alpha: 3}", "write alpha: 32"),
        ("learning_rate: 1", "it belongs to train: train.learning_rate"),
        ("save: {val_set_size: 1}", "it belongs to eval: eval.val_set_size"),
        ("train: {gpus: 1}", "it belongs to resources: resources.gpus"),
        ("model_name_or_path: x", "write model: {name_or_path"),
        ("save: none", "must be a block of keys, not 'none'"),
        ("seed: [1]", "must be a whole number, not a list"),
        ("train: {fp16: 7}", "must be true or false"),
        ("train: {optim_args: 7}", "put it in quotes"),
    ],
)
def test_known_mistakes_are_told_with_what_to_write(tmp_path: Path, line: str, said: str) -> None:
    text = GOOD.replace("train:\n  learning_rate: 2e-4\n", "")
    (told,) = problems(tmp_path, text + line + "\n")
    assert told.startswith("mine.yaml:6: ")
    assert said in told


def test_missing_keys_are_told(tmp_path: Path) -> None:
    told = "\n".join(problems(tmp_path, "description: nothing\n"))
    for key in ("version", "method", "model", "datasets"):
        assert f"{key}: is missing" in told


@pytest.mark.parametrize(
    ("method", "said"), [("stf", "did you mean sft?"), ("dpoo", "did you mean dpo?"), ("3", "known: sft")]
)
def test_an_unknown_method_does_not_hide_the_other_problems(tmp_path: Path, method: str, said: str) -> None:
    told = problems(tmp_path, GOOD.replace("sft", method).replace("learning_rate", "learning_rte"))
    assert said in told[0]
    assert "did you mean learning_rate?" in told[1]


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, GOOD.replace("version: 1", "version: 2"))
    assert "version: must be 1, not 2" in told


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n"])
def test_a_file_that_is_no_recipe_is_told(tmp_path: Path, text: str) -> None:
    assert "is no recipe" in problems(tmp_path, text)[0]


def test_empty_blocks_are_absent_blocks(tmp_path: Path) -> None:
    assert load(write(tmp_path, GOOD + "env:\neval:\nadapter:\n")).adapter is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sft-loar", "did you mean sft-lora"),
        ("tinysft", "did you mean tiny-sft"),
        ("zzz", "lt recipe ls shows the gallery"),
        ("./mine.yml", "did you mean mine.yaml?"),
        ("no/such.yaml", "there is no such file"),
        (".", "is a folder"),
        ("a\0b", "is no recipe"),
        ("x" * 5000, "is no recipe"),
    ],
)
def test_a_recipe_that_is_not_there_is_told_with_the_nearest(tmp_path: Path, name: str, said: str) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(RecipeError) as caught:
        load(name, cwd=tmp_path)
    assert said in str(caught.value)


def test_an_own_lock_is_read_and_a_wrong_one_told(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("torch==2.9.0  # old\n\nnumpy==2.0.0 ; python_version < '3.12'\n")
    recipe = load(write(tmp_path, GOOD + "env: {lock: lock.txt}\n"), cwd=tmp_path)
    assert recipe.lock == ("torch==2.9.0", "numpy==2.0.0 ; python_version < '3.12'")
    assert load(tmp_path / "mine.yaml", ["env.lock=sft"], tmp_path).lock is None
    (tmp_path / "lock.txt").write_text("torch==2.9.0\n--index-url http://example.org\n")
    (told,) = problems(tmp_path, GOOD + "env: {lock: lock.txt}\n")
    assert "line 2 is no pinned requirement" in told
    (told,) = problems(tmp_path, GOOD + "env: {lock: lokc.txt}\n")
    assert "mine.yaml:8: env.lock: 'lokc.txt' is no lock and no file" in told


def test_every_gallery_recipe_loads_and_has_a_title() -> None:
    names = {entry.name for entry in gallery()}
    assert {"sft", "sft-lora", "sft-qlora"} | {f"tiny-{method}" for method in METHODS} <= names
    assert {f"tiny-{method}-lora" for method in METHODS} <= names
    for entry in gallery():
        recipe = load(entry.name, check_paths=False)
        assert entry.title.endswith((".", ":"))
        assert recipe.description


@pytest.mark.parametrize("name", ["tiny-sft", "tiny-sft-lora"])
def test_the_tiny_recipes_need_no_gpu_and_no_hub(name: str, tmp_path: Path) -> None:
    recipe = load(name, cwd=tmp_path)
    assert recipe.resources.gpus == 0
    assert recipe.model.name_or_path is None


@pytest.mark.parametrize("name", [entry.name for entry in gallery()])
def test_a_new_recipe_is_a_gallery_recipe_that_can_live_anywhere(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, new_recipe(name))
    assert load(path, cwd=tmp_path, check_paths=name.startswith("tiny")).method in METHODS


def test_a_new_recipe_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(RecipeError, match="did you mean sft"):
        new_recipe("stf")


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = ["version", "method", "model", "adapter", "datasets", "train", "eval", "save", "resources", "env", "timeout"]


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=5), _VALUES, max_size=6))
def test_no_values_bring_anything_but_problems(data: dict[str, object]) -> None:
    from lt_recipes.validation import validate
    from lt_recipes.yaml_source import Source

    recipe, found = validate(Source("r.yaml", data))
    assert (recipe is None) == bool(found)
