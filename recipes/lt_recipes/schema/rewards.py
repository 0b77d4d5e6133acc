"""`rewards:`: what a good answer is, for the methods whose model writes its own."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, model_validator

from .base import Count, Duration, Natural, NotNegative, Positive, Size, Text, WrittenSection

RewardType = Literal[
    "exact_match", "numeric", "regex", "format", "length", "json_schema", "code", "python", "model", "judge"
]

KEYS: dict[str, tuple[set[str], set[str]]] = {
    "exact_match": (set(), {"extract", "ignore_case"}),
    "numeric": (set(), {"extract", "tolerance"}),
    "regex": ({"pattern"}, set()),
    "format": (set(), {"tags"}),
    "length": (set(), {"min", "max"}),
    "json_schema": ({"json_schema"}, set()),
    "code": (set(), {"timeout", "memory", "at_once", "unsafe_code"}),
    "python": ({"path"}, {"function"}),
    "model": ({"name_or_path"}, set()),
    "judge": (
        {"base_url", "model"},
        {"prompt", "scale", "api_key_env", "requests_per_minute", "at_once", "timeout"},
    ),
}
"""Per type the keys that it needs, and those it may have beside `type`, `name` and `weight`."""


class RewardEntry(WrittenSection):
    """One entry of `rewards:`. Every built-in one gives 0 to 1."""

    type: RewardType = Field(description="what is looked at")
    name: Text | None = Field(default=None, description="its metric is rewards/NAME/mean; default: the type")
    weight: float = Field(default=1.0, description="how much it counts; negative for what is not wanted")
    extract: Text | None = Field(
        default=None, description="exact_match, numeric: a regular expression whose group is what is compared"
    )
    ignore_case: bool = Field(default=False, description="exact_match: capital letters do not matter")
    tolerance: NotNegative | None = Field(default=None, description="numeric: relative; default 1e-6")
    pattern: Text | None = Field(default=None, description="regex: what must be found in the answer")
    tags: list[Text] | None = Field(default=None, description="format: closed in this order; default think, answer")
    min: Natural | None = Field(default=None, description="length: characters at least")
    max: Count | None = Field(default=None, description="length: characters at most")
    json_schema: dict[str, Any] | None = Field(default=None, description="json_schema: what the answer must be")
    timeout: Duration | None = Field(default=None, description="code, judge: how long one may take")
    memory: Size | None = Field(default=None, description="code: how much it may take; default 512MiB")
    at_once: Count | None = Field(default=None, description="code, judge: how many side by side")
    unsafe_code: bool = Field(default=False, description="code: run it also where it can't be kept apart")
    path: Text | None = Field(default=None, description="python: a file of yours; it is sent to the host")
    function: Text | None = Field(default=None, description="python: the function in it; default reward")
    name_or_path: Text | None = Field(default=None, description="model: a reward model: hub id, path or job:NAME")
    base_url: Text | None = Field(default=None, description="judge: an OpenAI-compatible API: http://host:8000/v1")
    model: Text | None = Field(default=None, description="judge: the model's name there")
    prompt: Text | None = Field(
        default=None, description="judge: what it is asked, with {prompt}, {completion} and {answer}"
    )
    scale: Positive | None = Field(default=None, description="judge: its best grade; default 10")
    api_key_env: Text | None = Field(default=None, description="judge: the variable on the host that holds the key")
    requests_per_minute: Positive | None = Field(default=None, description="judge: no more than so many")

    @model_validator(mode="after")
    def _keys_of_the_type(self) -> RewardEntry:
        needed, allowed = KEYS[self.type]
        written = self.model_fields_set - {"type", "name", "weight"}
        for key in sorted(needed - written):
            raise ValueError(f"a reward of type {self.type} needs {key}")
        for key in sorted(written - needed - allowed):
            known = ", ".join(sorted(needed | allowed)) or "none"
            raise ValueError(f"a reward of type {self.type} has no {key}; its keys: {known}")
        if self.base_url and not re.match(r"https?://", self.base_url):
            raise ValueError("base_url must begin with http:// or https://")
        for key in ("pattern", "extract"):
            _compiles(key, getattr(self, key))
        return self


def _compiles(key: str, pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{key} is no regular expression: {error}") from None
