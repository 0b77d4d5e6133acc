"""The keys of a pipeline's file."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ..schema.base import Duration, Natural, Section, Size, Text, Variable

STAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
INPUT_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_OF_A_RECIPE = ("overrides",)
_OF_A_COMMAND = ("folder", "inputs", "outputs", "gpus", "python", "secrets")


class StageSection(Section):
    """A stage: a recipe with `overrides`, or a command with `inputs` and `outputs`."""

    recipe: Text | None = Field(default=None, description="a gallery name, or a file beside this one")
    overrides: dict[str, Any] = Field(default_factory=dict, description="keys of the recipe, nested or with dots")
    command: list[Variable] | None = Field(default=None, description="a program and its words: [python, eval.py]")
    folder: Text | None = Field(default=None, description="of a command: what goes along; absent: this file's folder")
    inputs: dict[str, Text] = Field(default_factory=dict, description="of a command: name → job:STAGE, host:/…, path")
    outputs: list[Text] = Field(default_factory=list, description="of a command: files that it makes: [out/**]")
    gpus: Natural | None = Field(default=None, description="of a command; absent: one if the host has any")
    python: Text | None = Field(default=None, description="of a command: the interpreter that python means there")
    secrets: list[Text] = Field(default_factory=list, description="of a command: variables from the keyring")
    needs: list[Text] = Field(default_factory=list, description="stages that come before, beside those of job:STAGE")
    host: Text | None = Field(default=None, description="a host, any, any:gpu=a100, or several with commas between")
    priority: int = Field(default=0, description="in the host's line; 0 is usual")
    retries: Natural | None = Field(default=None, description="new attempts after a failure that one may cure")
    retry_wait: Duration | None = Field(default=None, description="before the first of them: 1m")
    timeout: Duration | None = Field(default=None, description="stop it after so long: 12h")
    gpu_memory: Size | None = Field(default=None, description="that each of its GPUs must have: 40GiB")
    cpus: Natural | None = Field(default=None, description="cores that must be free")
    disk: Size | None = Field(default=None, description="that must be free when it starts: 100GiB")

    @field_validator("inputs")
    @classmethod
    def _input_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not INPUT_NAME.match(name):
                raise ValueError(f"{name!r} is no name for an input: write small letters, digits and _")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> StageSection:
        if (self.recipe is None) == (self.command is None):
            raise ValueError("a stage has either a recipe or a command")
        if self.command is not None and not self.command:
            raise ValueError("command: must have at least one word")
        others = _OF_A_RECIPE if self.recipe is None else _OF_A_COMMAND
        for key in others:
            if key in self.model_fields_set:
                kind = "recipe" if self.recipe is None else "command"
                raise ValueError(f"{key}: is for a stage with a {kind}")
        return self


class PipelineSection(Section):
    """The whole file."""

    version: Literal[1] = Field(description="of this format: 1")
    name: Text | None = Field(default=None, description="absent: the file's name")
    description: str = Field(default="", description="a line for people")
    host: Text | None = Field(default=None, description="for stages that name none")
    params: dict[str, Any] = Field(default_factory=dict, description="values that stages name as param:NAME")
    stages: dict[str, StageSection] = Field(min_length=1, description="by name")

    @field_validator("stages")
    @classmethod
    def _stage_names(cls, value: dict[str, StageSection]) -> dict[str, StageSection]:
        for name in value:
            if not STAGE_NAME.match(name):
                raise ValueError(f"{name!r} is no name for a stage: write letters, digits, - and _")
        return value
