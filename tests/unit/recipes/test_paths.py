"""Which values are paths, where they are looked for, and what travels."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_recipes import RecipeError, load, local_paths, with_paths
from lt_recipes.paths import path_values, place_of

TEXT = """\
version: 1
method: sft
model: {name_or_path: org/model, tokenizer: {train_from: corpus.txt}}
adapter: {type: lora, path: "job:sft-lora-k3x9qp/checkpoint-400"}
datasets:
  - {path: train.jsonl, type: text}
  - {path: shards, type: text}
  - {path: "host:/data/x.jsonl", type: text}
  - {path: org/dataset, type: text}
eval:
  datasets: [{path: train.jsonl, type: text}]
train: {chat_template_path: chat.jinja}
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """(working folder, the recipe's folder), with the files in one or the other."""
    cwd, beside = tmp_path / "cwd with space", tmp_path / "recipes"
    for folder in (cwd / "shards", beside):
        folder.mkdir(parents=True)
    (beside / "r.yaml").write_text(TEXT)
    for path in (cwd / "train.jsonl", beside / "train.jsonl", beside / "corpus.txt", beside / "chat.jinja"):
        path.write_text("x")
    return cwd, beside


def test_the_working_folder_comes_before_the_recipes(folders: tuple[Path, Path]) -> None:
    cwd, beside = folders
    found = local_paths(load(beside / "r.yaml", cwd=cwd), cwd)
    assert [(item.key, item.path, item.kind) for item in found] == [
        ("model.tokenizer.train_from", beside / "corpus.txt", "file"),
        ("datasets.0.path", cwd / "train.jsonl", "file"),
        ("datasets.1.path", cwd / "shards", "folder"),
        ("eval.datasets.0.path", cwd / "train.jsonl", "file"),
        ("train.chat_template_path", beside / "chat.jinja", "file"),
    ]


def test_what_is_missing_is_told_with_its_line_and_both_places(folders: tuple[Path, Path]) -> None:
    cwd, beside = folders
    (beside / "corpus.txt").unlink()
    (beside / "chat.jinja").unlink()
    with pytest.raises(RecipeError) as caught:
        load(beside / "r.yaml", ["datasets.0.path=./org/nothing"], cwd)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == 3
    assert told[0].startswith(f"{beside / 'r.yaml'}:3: model.tokenizer.train_from")
    assert f"looked for {cwd / 'corpus.txt'} and {beside / 'corpus.txt'}" in told[0]
    assert any(line.startswith("command line: datasets.0.path") for line in told)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "hub"),
        ("gpt2", "hub"),
        ("org/data.jsonl", "local"),
        ("./org/model", "local"),
        ("../x", "local"),
        ("/data/x", "local"),
        ("~/x", "local"),
        ("a/b/c", "local"),
        ("my file", "local"),
        ("it's", "local"),
        ("数据/训练", "local"),
        ("host:/data/x", "host"),
        ("job:sft-lora-k3x9qp", "job"),
        ("job:sft-lora-k3x9qp/final", "job"),
        ("job:prepare-k3x9qp/out/train.jsonl", "job"),
    ],
)
def test_where_a_value_points(value: str, place: str, tmp_path: Path) -> None:
    assert place_of(value, [tmp_path]) == place


def test_what_exists_here_is_local_even_if_it_looks_like_a_hub_id(tmp_path: Path) -> None:
    (tmp_path / "org/model").mkdir(parents=True)
    assert place_of("org/model", [tmp_path]) == "local"


@pytest.mark.parametrize("value", ["host:data/x", "host:", "host:/a/../b", "job:", "job:a b", "job:a/../b", "job:a//b"])
def test_a_malformed_place_is_told(value: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must"):
        place_of(value, [tmp_path])


def test_paths_are_replaced_for_the_host_and_nothing_else_is(folders: tuple[Path, Path]) -> None:
    cwd, beside = folders
    recipe = load(beside / "r.yaml", cwd=cwd)
    places = {item.key: f"data:{item.path.name}/abc/{item.path.name}" for item in local_paths(recipe, cwd)}
    value = with_paths(recipe, places)
    assert value["datasets"][1]["path"] == "data:shards/abc/shards"
    assert value["datasets"][2]["path"] == "host:/data/x.jsonl"
    assert value["train"] == {"chat_template_path": "data:chat.jinja/abc/chat.jinja"}
    assert value["eval"]["datasets"][0]["path"] == "data:train.jsonl/abc/train.jsonl"
    unchanged = with_paths(recipe, {})
    assert unchanged == recipe.model_dump(mode="json")
    with pytest.raises(KeyError):
        with_paths(recipe, {"train.optim": "x"})


def test_every_path_key_can_be_replaced(folders: tuple[Path, Path]) -> None:
    cwd, beside = folders
    recipe = load(beside / "r.yaml", cwd=cwd)
    for key, _ in path_values(recipe):
        with_paths(recipe, {key: "new"})
