"""The pieces every section is made of: a strict base class, numbers, durations, sizes."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGTP]?)(i?)B?", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


class Section(BaseModel):
    """A block of a recipe: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class WrittenSection(Section):
    """A block that is handed on as it was written: what is absent stays as the library has it."""

    null_has_meaning: ClassVar[frozenset[str]] = frozenset()
    """Keys for which `null` says something; for all others it is as good as absent."""

    @model_serializer(mode="wrap")
    def _only_what_was_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = handler(self)
        return {
            key: values[key]
            for key in type(self).model_fields
            if key in self.model_fields_set and (values[key] is not None or key in self.null_has_meaning)
        }


def parse_duration(value: Any) -> float:
    """Seconds from `90`, `"90s"`, `"10m"`, `"1h30m"`, `"2d"`. Raises ValueError in words for anything else."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    else:
        text = value.strip().replace(" ", "").lower() if isinstance(value, str) else ""
        if re.fullmatch(r"\d+(\.\d+)?", text):
            text += "s"
        if not text or _DURATION.sub("", text):
            raise ValueError("must be a duration such as 90s, 10m or 1h30m")
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    if not (math.isfinite(seconds) and 0 <= seconds <= 10 * 365 * 86400):
        raise ValueError("must be a duration between 0 and 10 years")
    return seconds


def parse_size(value: Any) -> int:
    """Bytes from `1024`, `"500MB"` (powers of 1000), `"20GiB"` (powers of 1024). Raises ValueError in words."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        size = float(value)
    else:
        found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None or (found[3] and not found[2]):
            raise ValueError("must be a size such as 500MB or 20GiB")
        size = float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].upper()]
    if not (math.isfinite(size) and 0 <= size < 2**60):
        raise ValueError("must be a size between 0 and 1 EiB")
    return int(size)


def _no_bool(value: Any) -> Any:
    # pydantic reads `true` as 1, which is never what a person means by a number.
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _steps(value: Any) -> float:
    """A count of steps (1 or more) or the fraction of all steps (between 0 and 1), as transformers reads it."""
    return _counted(value, "steps")


def _counted(value: Any, unit: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isfinite(number) and (0 < number < 1 or (number >= 1 and number == int(number))):
        return number if number < 1 else int(number)
    raise ValueError(f"must be a whole number of {unit}, or a fraction of all {unit} below 1")


def _portion(value: Any) -> float:
    """0 for none, a fraction below 1, or a whole number."""
    return 0.0 if value in (0, "0") and not isinstance(value, bool) else _counted(value, "rows")


def _text_or_list(value: Any) -> str | list[str]:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return value
    raise ValueError("must be a name or a list of names")


def _variable(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("must be text: put it in quotes")
    text = str(value)
    if "\0" in text:
        raise ValueError("must not contain a null byte")
    return text


# Without it pydantic writes the whole number 100 of a float field as 100.0.
_AS_IT_IS = PlainSerializer(lambda value: value)

Int = Annotated[int, BeforeValidator(_no_bool)]
Count = Annotated[int, BeforeValidator(_no_bool), Field(ge=1)]
Natural = Annotated[int, BeforeValidator(_no_bool), Field(ge=0)]
Float = Annotated[float, BeforeValidator(_no_bool)]
Positive = Annotated[float, BeforeValidator(_no_bool), Field(gt=0)]
NotNegative = Annotated[float, BeforeValidator(_no_bool), Field(ge=0)]
Fraction = Annotated[float, BeforeValidator(_no_bool), Field(ge=0, lt=1)]
Text = Annotated[str, Field(min_length=1)]
Steps = Annotated[float, PlainValidator(_steps), _AS_IT_IS, WithJsonSchema({"type": "number"})]
"""A count of steps, or below 1 the fraction of all steps."""
Portion = Annotated[float, PlainValidator(_portion), _AS_IT_IS, WithJsonSchema({"type": "number"})]
"""A number of rows, below 1 the fraction of all rows, 0 for none."""
TextOrList = Annotated[
    str | list[str],
    PlainValidator(_text_or_list),
    _AS_IT_IS,
    WithJsonSchema({"type": ["string", "array"]}),
]
Duration = Annotated[float, PlainValidator(parse_duration), WithJsonSchema({"type": "string"})]
"""Seconds, written as `90s`, `10m`, `1h30m`."""
Size = Annotated[int, PlainValidator(parse_size), WithJsonSchema({"type": "string"})]
"""Bytes, written as `500MB`, `20GiB`."""
Variable = Annotated[str, PlainValidator(_variable), WithJsonSchema({"type": "string"})]
"""The value of an environment variable; numbers are taken as they are written."""
