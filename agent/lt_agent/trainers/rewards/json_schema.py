"""The part of JSON Schema (draft 2020-12, validation vocabulary) that says what an answer must look like."""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}
_SAID = ("$schema", "$id", "title", "description", "examples", "default")
_NUMBER, _TEXT, _LIST, _OBJECT = (_TYPES[name] for name in ("number", "string", "array", "object"))


def check_schema(schema: Any) -> str | None:
    """What is wrong with a schema, or None. A keyword that is not checked here is refused, not passed over."""
    if isinstance(schema, bool):
        return None
    if not isinstance(schema, Mapping):
        return "schema is no object"
    for key, value in schema.items():
        if key not in _CHECKS and key not in _SAID and key not in _NESTED:
            return f"schema keyword {key!r} is not known; known: {', '.join(sorted((*_CHECKS, *_NESTED)))}"
        if key == "type" and not all(name in _TYPES for name in ([value] if isinstance(value, str) else value)):
            return f"type {value!r} is not known"
        if key == "pattern":
            try:
                re.compile(value)
            except re.error as error:
                return f"pattern {value!r} is no regular expression: {error}"
    below = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    below += [schema[key] for key in ("items", "additionalProperties") if key in schema]
    return next(filter(None, map(check_schema, below)), None)


def conforms(value: Any, schema: Any) -> bool:
    """Whether `value` is what a schema that `check_schema` passed describes."""
    if isinstance(schema, bool):
        return schema
    if not all(check(value, schema[key]) for key, check in _CHECKS.items() if key in schema):
        return False
    if "anyOf" in schema and not any(conforms(value, one) for one in schema["anyOf"]):
        return False
    if isinstance(value, list) and "items" in schema and not all(conforms(item, schema["items"]) for item in value):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if not all(conforms(value[key], below) for key, below in known.items() if key in value):
            return False
        others = schema.get("additionalProperties", True)
        return all(conforms(item, others) for key, item in value.items() if key not in known)
    return True


_NESTED = ("properties", "additionalProperties", "items", "anyOf")
_CHECKS: dict[str, Callable[[Any, Any], bool]] = {
    "type": lambda v, want: any(_TYPES[name](v) for name in ([want] if isinstance(want, str) else want)),
    "enum": lambda v, want: v in want,
    "const": lambda v, want: bool(v == want),
    "required": lambda v, want: not _OBJECT(v) or all(key in v for key in want),
    "minimum": lambda v, want: not _NUMBER(v) or v >= want,
    "maximum": lambda v, want: not _NUMBER(v) or v <= want,
    "minLength": lambda v, want: not _TEXT(v) or len(v) >= want,
    "maxLength": lambda v, want: not _TEXT(v) or len(v) <= want,
    "pattern": lambda v, want: not _TEXT(v) or re.search(want, v) is not None,
    "minItems": lambda v, want: not _LIST(v) or len(v) >= want,
    "maxItems": lambda v, want: not _LIST(v) or len(v) <= want,
}
