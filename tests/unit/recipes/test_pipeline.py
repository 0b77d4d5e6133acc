"""A pipeline's file: what it says, and every problem with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lt_recipes.pipeline import load_pipeline
from lt_recipes.pipeline.loading import could_make
from lt_recipes.problems import RecipeError
from lt_recipes.yaml_source import parse_value


def problems(tmp_path: Path, text: str, *params: str) -> list[str]:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_pipeline(path, params, "p.yaml")
    return [str(problem) for problem in caught.value.problems]


def test_parameters_keep_their_type_and_overrides_say_the_same_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        """version: 1
params: {lr: 1e-4, name: "2e-4", modules: [q_proj, v_proj], flag: true, nothing: null}
stages:
  sft:
    recipe: sft-lora
    overrides:
      train: {learning_rate: param:lr, run_name: param:name}
      adapter.target_modules: param:modules
      model: {load_in_4bit: param:flag, tokenizer: param:nothing, name_or_path: "x=y: z"}
  eval: {command: [python, eval.py, --lr, param:lr], needs: [sft]}
"""
    )
    pipeline = load_pipeline(path, ["flag=false"])
    said = {key: parse_value(value) for key, _, value in (text.partition("=") for text in pipeline.overrides("sft"))}
    assert said == {
        "train.learning_rate": 1e-4,
        "train.run_name": "2e-4",
        "adapter.target_modules": ["q_proj", "v_proj"],
        "model.load_in_4bit": False,
        "model.tokenizer": None,
        "model.name_or_path": "x=y: z",
    }
    assert pipeline.stages["eval"].command == ["python", "eval.py", "--lr", "0.0001"]
    assert pipeline.name == "p" and pipeline.folder == tmp_path


def test_a_stage_needs_what_it_names_and_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        json.dumps(
            {
                "version": 1,
                "stages": {
                    "data": {"command": ["make"], "outputs": ["out"]},
                    "sft": {"recipe": "sft", "overrides": {"datasets": [{"path": "job:data/out/a.jsonl"}]}},
                    "eval": {"command": ["eval"], "inputs": {"m": "job:sft/checkpoint-4", "old": "job:other-abc"}},
                    "end": {"command": ["true"], "needs": ["data"]},
                },
            }
        )
    )
    pipeline = load_pipeline(path)
    assert pipeline.needs() == {"data": set(), "sft": {"data"}, "eval": {"sft"}, "end": {"data"}}
    assert pipeline.needs({"end": ["eval"]})["end"] == {"data", "eval"}
    assert [(ref.name, ref.rest) for ref in pipeline.references["eval"]] == [("sft", "checkpoint-4"), ("other-abc", "")]


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    text = """version: 1
params: {lr: 1}
stages:
  a:
    recipe: sft
    overrides: {train.learning_rate: param:rl}
  b:
    comand: [python]
  c: {recipe: sft, command: [x]}
  d: {recipe: sft, outputs: [x]}
  e e: {command: []}
"""
    told = problems(tmp_path, text, "ll=2")
    lines = [line.partition(": ")[0] for line in told]
    assert lines == ["p.yaml:6", "p.yaml:8", "p.yaml:9", "p.yaml:10", "p.yaml:11", "command line"]
    assert "did you mean command?" in told[1] and "either a recipe or a command" in told[2]
    assert "outputs: is for a stage with a command" in told[3]
    assert "ll: is no parameter" in told[5]


def test_what_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    text = """version: 1
stages:
  sft:
    recipe: sft
  eval:
    needs:
      - sft
      - sfd
    command: [python, input:modle]
    inputs: {model: job:sft}
"""
    first, second = problems(tmp_path, text)
    assert first.startswith("p.yaml:8: stages.eval.needs.1: there is no stage 'sfd' (did you mean sft?)")
    assert second.startswith("p.yaml:9: stages.eval.command.1: the stage has no input 'modle' (it has: model)")


def test_stages_that_need_each_other_are_told_as_the_way_around(tmp_path: Path) -> None:
    text = """version: 1
stages:
  a: {recipe: sft, needs: [c]}
  b: {command: [x], inputs: {m: job:a}, outputs: [o]}
  c: {command: [x], inputs: {m: job:b/o}}
"""
    (told,) = problems(tmp_path, text)
    around = told.partition("needs itself: ")[2].partition(" (")[0].split(" → ")
    assert around[0] == around[-1] and "".join(around) in ("acba", "cbac", "bacb")
    assert told.startswith(f"p.yaml:{' abc'.index(around[0]) + 2}: stages.{around[0]}: ")


def test_an_output_that_a_stage_never_makes_is_told(tmp_path: Path) -> None:
    text = """version: 1
stages:
  sft: {recipe: sft}
  mute: {command: [x]}
  make: {command: [x], outputs: ["out/*.json"]}
  a: {command: [x], inputs: {i: job:mute}}
  b: {command: [x], inputs: {i: job:make/other.json}}
  c: {command: [x], inputs: {i: job:sft/out}}
  d: {command: [x], inputs: {i: job:make/out/../../x}}
  fine: {command: [x], inputs: {i: job:make/out/a.json, j: job:make/out, k: job:make, l: job:sft/final}}
"""
    told = problems(tmp_path, text)
    assert [line.partition(": ")[0] for line in told] == ["p.yaml:6", "p.yaml:7", "p.yaml:8", "p.yaml:9"]
    assert "has no outputs" in told[0] and "makes no other.json" in told[1] and "makes no out" in told[2]


@pytest.mark.parametrize(
    ("patterns", "inside", "may"),
    [
        (["out/**"], "out/a/b.txt", True),
        (["out"], "out/a/b.txt", True),
        (["**/*.txt"], "a/b.txt", True),
        (["out/*.txt"], "out", True),
        (["out/*.txt"], "out/a.bin", False),
        (["a", "b/c"], "b/d", False),
        ([], "x", False),
    ],
)
def test_a_pattern_may_make_what_it_matches_and_the_folders_above(patterns: list[str], inside: str, may: bool) -> None:
    assert could_make(patterns, inside) is may


def test_the_example_of_the_docs_is_right(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "pipelines.md").read_text(encoding="utf-8")
    path = tmp_path / "p.yaml"
    path.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    pipeline = load_pipeline(path, ["lr=2e-4"])
    assert pipeline.needs() == {"prepare": set(), "sft": {"prepare"}, "eval": {"sft"}, "more": {"eval", "sft"}}
    assert "train.learning_rate=0.0002" in pipeline.overrides("sft")


def test_a_file_that_is_no_pipeline_is_told(tmp_path: Path) -> None:
    assert "is no pipeline" in problems(tmp_path, "- a\n- b\n")[0]
    assert "stages: is missing" in problems(tmp_path, "version: 1\n")[0]
    with pytest.raises(RecipeError, match="can't be read"):
        load_pipeline(tmp_path / "absent.yaml")
