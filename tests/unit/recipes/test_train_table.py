"""Our table of training arguments against the installed transformers and TRL, read from their sources: an import of
either takes seconds. Whoever raises the versions sees here what changed.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import typing
from pathlib import Path
from typing import Any

import pytest

from lt_recipes.refused import REFUSED
from lt_recipes.schema import METHODS
from lt_recipes.schema.sft import SftTrainSection
from lt_recipes.schema.train import Scheduler, TrainSection
from lt_recipes.validation import known_keys

SOURCES = {
    "transformers": ["transformers/training_args.py"],
    "trl": ["trl/trainer/base_config.py", "trl/trainer/sft_config.py"],
}


def arguments(package: str) -> dict[str, str]:
    """Each argument's name and annotation, as the installed package's source has them."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"{package} is not installed")
    found: dict[str, str] = {}
    for relative in SOURCES[package]:
        tree = ast.parse((Path(spec.origin).parents[1] / relative).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name in ("TrainingArguments", "_BaseConfig", "SFTConfig"):
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        found[item.target.id] = ast.unparse(item.annotation)
    return {name: annotation for name, annotation in found.items() if not name.startswith("_")}


@pytest.fixture(scope="module")
def installed() -> dict[str, str]:
    return {**arguments("transformers"), **arguments("trl")}


def test_the_table_was_made_for_the_installed_trl() -> None:
    try:
        version = importlib.metadata.version("trl")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("trl is not installed")
    assert version.startswith("1.16."), "look through schema/train.py, schema/sft.py and refused.py again"


def test_every_argument_of_ours_exists(installed: dict[str, str]) -> None:
    assert set(SftTrainSection.model_fields) - set(installed) == set()


def test_every_argument_of_theirs_is_offered_or_refused_with_a_reason(installed: dict[str, str]) -> None:
    assert set(installed) - set(SftTrainSection.model_fields) - set(REFUSED["train"]) == set()


def test_shared_arguments_are_those_of_transformers() -> None:
    assert set(TrainSection.model_fields) <= set(arguments("transformers"))


def test_nothing_is_offered_and_refused_at_once() -> None:
    keys = set(known_keys(METHODS["sft"]))
    refused = {(block, key) for block, entries in REFUSED.items() for key in entries}
    assert keys & refused == set()
    assert {block for block, _ in refused} <= {block for block, _ in keys}


def words(annotation: Any) -> set[str]:
    """The plain types in one of our annotations: {"int"}, {"str", "list"} …"""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return words(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return {"str"}
    if origin in (dict, list):
        return {origin.__name__}
    if origin is not None:
        return set().union(*(words(part) for part in typing.get_args(annotation)))
    return {getattr(annotation, "__name__", str(annotation))} - {"NoneType"}


def test_types_are_those_of_the_installed_arguments(installed: dict[str, str]) -> None:
    hints = typing.get_type_hints(SftTrainSection, include_extras=True)
    for name in SftTrainSection.model_fields:
        theirs = set(re.findall(r"\b(int|float|bool|str|dict|list)\b", installed[name]))
        # A whole number is a fraction's special case, and an enumeration is written by its words.
        theirs |= {"int"} if "float" in theirs else set()
        assert words(hints[name]) <= theirs, f"{name}: {hints[name]} against {installed[name]}"


def test_schedules_are_those_of_the_installed_transformers() -> None:
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        pytest.skip("transformers is not installed")
    tree = ast.parse((Path(spec.origin).parent / "trainer_utils.py").read_text(encoding="utf-8"))
    (names,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "SchedulerType"]
    theirs = {
        item.value.value for item in names.body if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
    }
    assert set(typing.get_args(Scheduler)) == theirs
