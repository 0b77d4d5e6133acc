"""A recipe for somebody's own script: `command:` in the place of `method:`."""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, field_validator, model_validator

from .base import Duration, Natural, Section, Size, Text, Variable
from .recipe import SecretName
from .run import EnvSection

Scalar = str | int | float | bool
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"can't be taken apart into words: {str(error).lower()}") from None
    elif isinstance(value, list) and all(isinstance(word, (str, int, float)) for word in value):
        words = [shown(word) for word in value]
    else:
        raise ValueError("must be a command or a list of its words")
    if not words or not words[0]:
        raise ValueError("must not be empty")
    return words


def _scalar(value: Any) -> Scalar:
    if not isinstance(value, (str, int, float)):
        raise ValueError("must be text, a number, true or false")
    return value


Words = Annotated[list[str], PlainValidator(_words), WithJsonSchema({"type": ["string", "array"]})]
Parameter = Annotated[Scalar, PlainValidator(_scalar), PlainSerializer(lambda value: value)]


class CommandResources(Section):
    """`resources:` of a command."""

    gpus: Natural | None = Field(default=None, description="GPUs to wait for; absent: one if the host has any")
    gpu_memory: Size = Field(default=0, description="what each of its GPUs must have in all: 24GiB")
    cpus: Natural = Field(default=0, description="cores to wait for, counted among jobs that ask for some")
    disk: Size = Field(default=0, description="free space on the host's data disk to wait for: 200GiB")


class CommandEnv(Section):
    """`env:` of a command."""

    python: Text | None = Field(default=None, description="the interpreter that `python` means on the host")
    variables: dict[str, Variable] = Field(default_factory=dict, description="environment variables, no secrets")

    @field_validator("variables")
    @classmethod
    def _names(cls, value: dict[str, str]) -> dict[str, str]:
        return EnvSection(variables=value).variables


class CommandRecipe(Section):
    """A command of one's own, with values that may be filled in. `{name}` in `command` or `env.variables` is the
    parameter of this name; braces themselves are written twice."""

    version: Literal[1] = Field(description="of this format: 1")
    description: str = Field(default="", description="a line for people")
    command: Words = Field(description="what is run, without a shell: python train.py --lr {lr}")
    parameters: dict[str, Parameter] = Field(default_factory=dict, description="values for the {names}: {lr: 1e-3}")
    folder: Text = Field(default=".", description="what is sent and where it runs; from this file's folder")
    pull: list[Text] = Field(default_factory=list, description="patterns of files to bring home: [out/**]")
    printed: list[Text] = Field(
        default_factory=list, description="lines with numbers that become metrics: [epoch {step} val loss {val_loss}]"
    )
    env: CommandEnv = Field(default_factory=CommandEnv, description="its Python and its variables")
    resources: CommandResources = Field(default_factory=CommandResources, description="what it needs")
    secrets: list[SecretName] = Field(default_factory=list, description="variables from lt's environment or keyring")
    timeout: Duration | None = Field(default=None, description="stop it after so long a run: 12h")
    retries: Natural = Field(default=0, description="new attempts after a failure that one may cure")
    retry_wait: Duration = Field(default=60.0, description="before the first of them: 1m")

    @property
    def argv(self) -> list[str]:
        """The command's words with the parameters in their places."""
        return [filled(word, self.parameters) for word in self.command]

    @property
    def variables(self) -> dict[str, str]:
        """`env.variables` with the parameters in their places."""
        return {name: filled(text, self.parameters) for name, text in self.env.variables.items()}

    @field_validator("printed")
    @classmethod
    def _templates(cls, templates: list[str]) -> list[str]:
        for text in templates:
            names = [found[1] for found in PLACEHOLDER.finditer(text) if found[1]]
            if not set(names) - {"step", "_"}:
                raise ValueError(f"{text!r} names no number: put a name in braces in its place")
            repeated = sorted({name for name in names if name != "_" and names.count(name) > 1})
            if repeated:
                raise ValueError(f"{text!r} names {repeated[0]} twice")
        return templates

    @model_validator(mode="after")
    def _every_name_has_a_value(self) -> CommandRecipe:
        used: set[str] = set()
        for text in [*self.command, *self.env.variables.values()]:
            for found in PLACEHOLDER.finditer(text):
                if found[1] and found[1] not in self.parameters:
                    known = ", ".join(self.parameters) or "none"
                    raise ValueError(f"command: {found[1]!r} in braces is no parameter (known: {known})")
                used.add(found[1])
        unused = sorted(self.parameters.keys() - used)
        if unused:
            raise ValueError(f"parameters.{unused[0]}: no word names it in braces, so it would change nothing")
        return self


def filled(text: str, values: dict[str, Scalar]) -> str:
    """`text` with each `{name}` replaced by its value, and doubled braces by single ones."""
    return PLACEHOLDER.sub(lambda found: shown(values[found[1]]) if found[1] else found[0][0], text)


def shown(value: Scalar) -> str:
    """A value as a command's word: `true` and `false` as YAML has them, numbers as Python writes them."""
    return str(value).lower() if isinstance(value, bool) else str(value)
