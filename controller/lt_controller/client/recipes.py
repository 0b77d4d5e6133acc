"""Recipes for whoever shows them: the gallery, the fields of one with their documentation, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RecipeInfo:
    """A recipe of the gallery or a file: `title` says what it is for."""

    name: str
    title: str
    path: Path
    own: bool = False  # a file of the person's
    titles: Mapping[str, str] = field(default_factory=dict)  # in other languages, by their codes

    def told(self, lang: str) -> str:
        """What it is for, in that language where it says so."""
        return self.titles.get(lang) or self.title


@dataclass(frozen=True)
class RecipeField:
    """One key that a recipe may have, by the schema."""

    key: str  # dotted: train.learning_rate
    doc: str
    kind: str  # text, number, integer, switch, choice, list, block
    value: Any = None  # what the recipe says, or the default
    given: bool = False  # the recipe or an override says it
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecipeProblem:
    """One thing to mend, with the key of the field it belongs to."""

    key: str
    message: str  # in English, as `lt_recipes` writes it; `words.problem` says it in another language
    hint: str = ""


def gallery(folder: Path | None = None) -> list[RecipeInfo]:
    """The shipped recipes, then the recipe files that lie in `folder`."""
    from lt_recipes.loading import gallery as shipped

    found = [RecipeInfo(entry.name, entry.title, entry.path, titles=_titles(entry.path)) for entry in shipped()]
    if folder is not None:
        for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            head = _head(path)
            if "method:" in head:
                found.append(RecipeInfo(path.name, _described(head), path, True, _titled(head)))
    return found


def methods() -> list[str]:
    """What a recipe's `method` may be."""
    from lt_recipes.schema import METHODS

    return list(METHODS)


def copied(name: str) -> str:
    """A gallery recipe's text for a file of one's own. Raises LtError `bad_recipe`."""
    from lt_recipes.loading import new_recipe
    from lt_recipes.problems import RecipeError

    from .data import bad_recipe

    try:
        return new_recipe(name)
    except RecipeError as error:
        raise bad_recipe(name, error.problems) from None


def text_of(name: str) -> str:
    """A recipe as it was written, comments and all. Raises LtError `bad_recipe`."""
    from lt_recipes.loading import find_recipe
    from lt_recipes.problems import RecipeError

    from .data import bad_recipe

    try:
        return find_recipe(name).path.read_text(encoding="utf-8", errors="replace")
    except RecipeError as error:
        raise bad_recipe(name, error.problems) from None


def fields(
    name: str, overrides: Sequence[str] = (), folder: Path | None = None
) -> tuple[list[RecipeField], list[RecipeProblem]]:
    """Every field of the recipe with its value, and all that is wrong with the whole; reads no data.

    Raises LtError `bad_recipe` only where there is no such recipe at all.
    """
    from lt_recipes.loading import find_recipe, load
    from lt_recipes.overrides import apply_overrides
    from lt_recipes.problems import RecipeError
    from lt_recipes.schema import METHODS
    from lt_recipes.yaml_source import parse

    from .data import bad_recipe

    try:
        file = find_recipe(name, folder)
        source = parse(file.path.read_bytes(), name)
    except RecipeError as error:
        raise bad_recipe(name, error.problems) from None
    apply_overrides(source, overrides)
    problems: list[RecipeProblem] = []
    try:
        load(name, overrides, folder)
    except RecipeError as error:
        problems = [RecipeProblem(p.key, p.message, p.hint or "") for p in error.problems]
    data = source.data if isinstance(source.data, dict) else {}
    method = METHODS.get(str(data.get("method")), METHODS["sft"])
    schema = method.model_json_schema()
    return list(_fields(schema, schema, data, "")), problems


def _fields(whole: Mapping[str, Any], node: Mapping[str, Any], data: Any, where: str) -> Iterator[RecipeField]:
    for key, raw in node.get("properties", {}).items():
        spec = _resolved(whole, raw)
        path = f"{where}{key}"
        given = isinstance(data, dict) and key in data
        value = data[key] if given else spec.get("default")
        if "properties" in spec:
            if not given and raw.get("default", 0) is None:
                yield RecipeField(path, str(raw.get("description", "")), "block")
                continue
            yield from _fields(whole, spec, value if isinstance(value, dict) else {}, f"{path}.")
        elif spec.get("type") == "array" and "properties" in (inner := _resolved(whole, spec.get("items", {}))):
            for index, entry in enumerate(value if isinstance(value, list) else []):
                yield from _fields(whole, inner, entry, f"{path}.{index}.")
        else:
            kind, choices = _kind(spec)
            yield RecipeField(
                path, str(raw.get("description", spec.get("description", ""))), kind, value, given, choices
            )


def _resolved(whole: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A schema node without `$ref` and without the null that makes it optional."""
    merged = dict(node)
    for option in node.get("anyOf", ()):
        if option.get("type") != "null":
            merged = {**_resolved(whole, option), **{k: v for k, v in merged.items() if k != "anyOf"}}
            break
    if "$ref" in merged:
        target = whole["$defs"][str(merged["$ref"]).rsplit("/", 1)[-1]]
        merged = {**target, **{k: v for k, v in merged.items() if k != "$ref"}}
    return merged


def _kind(spec: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if "enum" in spec:
        return "choice", tuple(str(item) for item in spec["enum"])
    if "const" in spec:
        return "choice", (str(spec["const"]),)
    kind = spec.get("type")
    named = {"boolean": "switch", "integer": "integer", "number": "number", "array": "list", "object": "block"}
    return named.get(kind if isinstance(kind, str) else "", "text"), ()


def _head(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(8192)
    except OSError:
        return ""


def _titles(path: Path) -> dict[str, str]:
    return _titled(_head(path))


def _titled(head: str) -> dict[str, str]:
    """A line of the header that begins with 中文 says in Chinese what the recipe is for."""
    for line in head.splitlines():
        if not line.startswith("#"):
            break
        if (text := line.lstrip("# ")).startswith("中文："):
            return {"zh": text.removeprefix("中文：").strip()}
    return {}


def _described(head: str) -> str:
    for line in head.splitlines():
        if line.startswith("description:"):
            return line.partition(":")[2].strip().strip("\"'")
        if line.startswith("# ") and len(line) > 3:
            return line[2:].strip()
    return ""
