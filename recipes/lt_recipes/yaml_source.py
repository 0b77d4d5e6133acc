"""YAML with the line of every key, read strictly: no tags, no duplicate keys, no files that explode.

Two readings of YAML 1.1 are left out because they surprise people here: `2e-4` is a number, and `1:30` or a date is
text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from .problems import Problem, RecipeError

KeyPath = tuple[str | int, ...]

MAX_BYTES = 128 << 10
MAX_VALUES = 20_000  # counted with every alias expanded: a few lines of anchors can stand for billions of values
MAX_DEPTH = 40

_TAG = "tag:yaml.org,2002:"
_BOOLS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_FLOAT = re.compile(
    r"[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|\.(?:inf|Inf|INF))\Z|\.(?:nan|NaN|NAN)\Z"
)
_INT = re.compile(r"(?:[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+|0o[0-7]+)\Z")


class _Loader(yaml.SafeLoader):
    """Composes nodes only; nothing is ever constructed by it."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag.rpartition(":")[2] not in ("float", "int", "timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_TAG + "float", _FLOAT, list("-+0123456789."))
_Loader.add_implicit_resolver(_TAG + "int", _INT, list("-+0123456789"))


@dataclass
class Source:
    """A parsed text: its values, the line of each key (from 1), and what was wrong but could be passed over."""

    file: str
    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse(raw: bytes, file: str) -> Source:
    """Reads one YAML document. Raises RecipeError where nothing could be made of it."""
    source = Source(file)
    if len(raw) > MAX_BYTES:
        raise _error(file, None, f"is larger than {MAX_BYTES >> 10} KiB, too large for a recipe")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _error(file, line, "is not UTF-8", "save the file as UTF-8") from None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _error(
            file, line, f"holds a character that YAML forbids: U+{ord(_as_char(error.character)):04X}"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _error(file, mark.line + 1 if mark else None, *_syntax(error)) from None
    except (RecursionError, ValueError):
        raise _error(file, None, "is nested too deeply") from None
    if node is not None:
        source.data = _Walk(source).value(node, (), ())
        source.lines.setdefault((), node.start_mark.line + 1)
    return source


def parse_value(text: str) -> Any:
    """A value as it may stand on the command line: `1e-4`, `[a, b]`, `{r: 8}`, `null`. Raises RecipeError."""
    source = parse(text.encode("utf-8", "surrogateescape"), "")
    if source.problems:
        raise RecipeError(source.problems)
    return source.data


class _Walk:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._left = MAX_VALUES

    def value(self, node: yaml.Node, path: KeyPath, inside: tuple[yaml.Node, ...]) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _error(self._source.file, node.start_mark.line + 1, "stands for too many values", "use fewer aliases")
        if len(inside) > MAX_DEPTH or any(node is outer for outer in inside):
            raise _error(self._source.file, node.start_mark.line + 1, "is nested too deeply")
        tag = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and tag == "map":
            return self._mapping(node, path, inside)
        if isinstance(node, yaml.SequenceNode) and tag == "seq":
            items = []
            for index, item in enumerate(node.value):
                self._source.lines[(*path, index)] = item.start_mark.line + 1
                items.append(self.value(item, (*path, index), (*inside, node)))
            return items
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, tag, path)
        self._problem(node, path, f"the tag {node.tag} is not for recipes", "write the plain value")
        return None

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, inside: tuple[yaml.Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        first: dict[str, int] = {}
        # First, so that the block's own keys have the last word on values and lines alike.
        for key_node, value_node in node.value:
            if key_node.tag == _TAG + "merge":
                self._merge(value_node, path, (*inside, node), merged)
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == _TAG + "merge":
                continue
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in (_TAG + "str", _TAG + "value"):
                text = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or block"
                self._problem(key_node, path, f"a key must be text, not {text}", "put it in quotes")
                continue
            key = str(self._scalar(key_node, "str", path))
            if key in first:
                self._problem(key_node, (*path, key), f"is there twice, first in line {first[key]}", "keep one of them")
                continue
            first[key] = line
            # Before the value is read: what is wrong inside it is told by this line at the least.
            self._source.lines[(*path, key)] = line
            found[key] = self.value(value_node, (*path, key), (*inside, node))
        return {**merged, **found}

    def _merge(self, node: yaml.Node, path: KeyPath, inside: tuple[yaml.Node, ...], into: dict[str, Any]) -> None:
        """`<<: *anchor` or `<<: [*a, *b]`: keys to use where the block has none of its own; an earlier one wins."""
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(part, yaml.MappingNode):
                self._problem(node, path, "<< takes a block, or a list of blocks")
                return
            value = self.value(part, path, inside)
            if isinstance(value, dict):
                into.update({key: item for key, item in value.items() if key not in into})

    def _scalar(self, node: yaml.ScalarNode, tag: str, path: KeyPath) -> Any:
        text = node.value
        try:
            if tag in ("str", "value"):
                return _whole(text)
            if tag == "null":
                return None
            if tag == "bool":
                return _BOOLS[text.lower()]
            if tag == "int":
                return int(text.replace("_", ""), 0)
            if tag == "float":
                number = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
                if math.isfinite(number):
                    return number
                self._problem(node, path, f"{text} is no number to train with")
                return None
        except UnicodeError:
            self._problem(node, path, "holds half a surrogate pair, which is no character")
            return None
        except (ValueError, KeyError):
            self._problem(node, path, f"{text[:40]!r} is not what its tag says")
            return None
        self._problem(node, path, f"the tag {node.tag} is not for recipes", "write the plain value")
        return None

    def _problem(self, node: yaml.Node, path: KeyPath, message: str, hint: str = "") -> None:
        line = node.start_mark.line + 1
        self._source.problems.append(Problem(self._source.file, line, dotted(path), message, hint))


def dotted(path: KeyPath) -> str:
    """`("datasets", 0, "path")` as `datasets.0.path`."""
    return ".".join(str(part) for part in path)


def _whole(text: str) -> str:
    """JSON spells what lies beyond U+FFFF as two escapes, and YAML reads them one by one. Raises UnicodeError."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16")


def _syntax(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    problem = error.problem or error.context or "no valid YAML"
    if "'\\t'" in problem:
        return "a tab stands where YAML wants spaces", "indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a second colon in one line", "put text that contains ': ' in quotes"
    if "single document" in str(error.context):
        return "a second document begins here", "one recipe per file"
    if "undefined alias" in problem:
        return f"no valid YAML: {problem}", "a value that begins with * needs quotes"
    return f"no valid YAML: {problem}", "check the indentation, brackets and quotes around this line"


def _as_char(character: Any) -> str:
    return character if isinstance(character, str) and len(character) == 1 else chr(character)


def _error(file: str, line: int | None, message: str, hint: str = "") -> RecipeError:
    return RecipeError([Problem(file, line, "", message, hint)])
