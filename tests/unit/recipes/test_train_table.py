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
from lt_recipes.schema.train import Optimizer, Scheduler, TrainSection
from lt_recipes.validation import known_keys

SHARED = ["transformers/training_args.py", "trl/trainer/base_config.py"]
CONFIGS = {
    "sft": "trl/trainer/sft_config.py",
    "dpo": "trl/trainer/dpo_config.py",
    "kto": "trl/trainer/kto_config.py",
    "orpo": "trl/experimental/orpo/orpo_config.py",
    "reward": "trl/trainer/reward_config.py",
    "grpo": "trl/trainer/grpo_config.py",
    "gspo": "trl/trainer/grpo_config.py",
    "rloo": "trl/trainer/rloo_config.py",
    "ppo": "lt_agent/trainers/ppo_config.py",
}


def arguments(*files: str) -> dict[str, str]:
    """Each argument's name and annotation, as the installed packages' sources have them."""
    found: dict[str, str] = {}
    for file in files:
        spec = importlib.util.find_spec(file.partition("/")[0])
        if spec is None or spec.origin is None:
            pytest.skip(f"{file.partition('/')[0]} is not installed")
        tree = ast.parse((Path(spec.origin).parents[1] / file).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and (node.name.endswith("Config") or node.name == "TrainingArguments"):
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        found[item.target.id] = ast.unparse(item.annotation)
    return {name: annotation for name, annotation in found.items() if not name.startswith("_")}


def offered(method: str) -> dict[str, Any]:
    """Each argument that a recipe of the method may give, in `train:` or in its own block, and its type."""
    recipe = METHODS[method]
    sections = [recipe.model_fields[name].annotation for name in ("train", method) if name in recipe.model_fields]
    found: dict[str, Any] = {}
    for section in sections:
        assert section is not None
        found |= typing.get_type_hints(section, include_extras=True)
    return {name: hint for name, hint in found.items() if typing.get_origin(hint) is not typing.ClassVar}


@pytest.fixture(params=CONFIGS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_table_was_made_for_the_installed_trl() -> None:
    try:
        version = importlib.metadata.version("trl")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("trl is not installed")
    assert version.startswith("1.16."), "look through schema/train.py, schema/sft.py and refused.py again"


def test_every_method_is_looked_at() -> None:
    assert set(CONFIGS) == set(METHODS)


def test_every_argument_of_ours_exists(method: str) -> None:
    ours = {name for name in offered(method) if not name.startswith("model_")}
    assert ours - set(arguments(*SHARED, CONFIGS[method])) == set()


def test_every_argument_of_theirs_is_offered_or_refused_with_a_reason(method: str) -> None:
    refused = set(REFUSED["train"]) | set(REFUSED.get(method, {}))
    assert set(arguments(*SHARED, CONFIGS[method])) - set(offered(method)) - refused == set()


def test_shared_arguments_are_those_of_transformers() -> None:
    assert set(TrainSection.model_fields) <= set(arguments(SHARED[0]))


def test_nothing_is_offered_and_refused_at_once(method: str) -> None:
    keys = set(known_keys(METHODS[method]))
    refused = {(block, key) for block, entries in REFUSED.items() for key in entries}
    assert keys & refused == set()


def test_every_refused_block_is_a_block_of_some_method() -> None:
    blocks = {block for recipe in METHODS.values() for block, _ in known_keys(recipe)}
    assert set(REFUSED) <= blocks


def words(annotation: Any) -> set[str]:
    """The plain types in one of our annotations: {"int"}, {"str", "list"} …"""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return words(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return {type(value).__name__ for value in typing.get_args(annotation)}
    if origin in (dict, list, tuple):
        return {origin.__name__}
    if origin is not None:
        return set().union(*(words(part) for part in typing.get_args(annotation)))
    return {getattr(annotation, "__name__", str(annotation))} - {"NoneType"}


def test_types_are_those_of_the_installed_arguments(method: str) -> None:
    installed = arguments(*SHARED, CONFIGS[method])
    for name, hint in offered(method).items():
        if name.startswith("model_"):
            continue
        theirs = set(re.findall(r"\b(int|float|bool|str|dict|list|tuple)\b", installed[name]))
        # A whole number is a fraction's special case, and an enumeration is written by its words.
        theirs |= {"int"} if "float" in theirs else set()
        assert words(hint) <= theirs, f"{name}: {hint} against {installed[name]}"


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


def test_optimizers_are_those_of_the_installed_transformers_and_prodigy() -> None:
    spec = importlib.util.find_spec("transformers")
    if spec is None or spec.origin is None:
        pytest.skip("transformers is not installed")
    tree = ast.parse((Path(spec.origin).parent / "training_args.py").read_text(encoding="utf-8"))
    (names,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "OptimizerNames"]
    theirs = {
        item.value.value for item in names.body if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)
    }
    assert set(typing.get_args(Optimizer)) == theirs | {"prodigy"}
