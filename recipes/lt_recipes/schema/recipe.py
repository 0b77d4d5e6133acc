"""What recipes of every method share. A method is a subclass in its own file, listed in `methods.py`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from .base import Duration, Natural, Section
from .data import DatasetSection
from .model import AdapterSection, ModelSection
from .parallel import ParallelSection
from .run import EnvSection, EvalSection, ResourcesSection, SaveSection, WatchSection
from .train import TrainSection

if TYPE_CHECKING:
    from typing_extensions import Self


def _secret_name(text: str) -> str:
    if not _SECRET.fullmatch(text):
        raise ValueError("must be the name of an environment variable, such as HF_TOKEN; the value never stands here")
    return text


_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
SecretName = Annotated[str, AfterValidator(_secret_name)]

BITSANDBYTES = "bitsandbytes>=0.46,<1"
"""For weights of 4 bits and optimizers of 8; the extra `train` of this package says the same."""
PRODIGY = "prodigyopt>=1.1,<2"


class Recipe(Section):
    """A whole recipe. `model_dump(mode="json")` is the form in which it is stored and sent to a host."""

    data_types: ClassVar[tuple[str, ...]] = ()
    """Of `datasets:`, those that the method learns from."""

    version: Literal[1] = Field(description="of this format: 1")
    method: str = Field(description="how to train: sft, dpo, kto, orpo, reward, grpo, gspo, rloo or ppo")
    description: str = Field(default="", description="a line for people")
    model: ModelSection = Field(description="what is trained")
    adapter: AdapterSection | None = Field(default=None, description="absent: all weights are trained")
    datasets: list[DatasetSection] = Field(min_length=1, description="what is learned from")
    train: TrainSection = Field(default_factory=TrainSection, description="arguments of the training")
    eval: EvalSection = Field(default_factory=EvalSection, description="measuring on held-out rows")
    save: SaveSection = Field(default_factory=SaveSection, description="checkpoints")
    resources: ResourcesSection = Field(default_factory=ResourcesSection, description="what the run needs")
    parallel: ParallelSection = Field(default_factory=ParallelSection, description="how several GPUs share the work")
    env: EnvSection = Field(default_factory=EnvSection, description="which Python runs it")
    secrets: list[SecretName] = Field(
        default_factory=list, description="variables whose values come from lt's environment or the keyring: [HF_TOKEN]"
    )
    watch: WatchSection = Field(default_factory=WatchSection, description="when a run counts as hung")
    seed: Natural = Field(default=42, description="of weights, row order and the held-out rows")
    timeout: Duration | None = Field(default=None, description="stop (and save) after so long a run: 12h")
    retries: Natural = Field(default=0, description="new attempts after a failure that one may cure, on the same host")
    retry_wait: Duration = Field(default=60.0, description="before the first of them: 1m; doubled for each further one")
    stop_grace: Duration = Field(default=300.0, description="how long a stop may take to save: 5m")

    _folder: Path | None = PrivateAttr(default=None)
    _lock: tuple[str, ...] | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _adapter_of_the_model(cls, value: Any) -> Any:
        """`model.adapter` is the short way to write `adapter.path`: this model with an adapter on it, to go on from."""
        model = value.get("model") if isinstance(value, dict) else None
        if not isinstance(model, dict) or not isinstance(model.get("adapter"), str):
            return value
        rest = {key: item for key, item in model.items() if key != "adapter"}
        block = value.get("adapter") or {"type": "lora"}
        if not isinstance(block, dict) or block.get("path") not in (None, model["adapter"]):
            raise ValueError("model.adapter and adapter.path name two adapters: leave one out")
        return {**value, "model": rest, "adapter": {**block, "path": model["adapter"]}}

    @property
    def folder(self) -> Path | None:
        """Where a relative path is looked for after the working folder: beside the recipe's file."""
        return self._folder

    @property
    def lock(self) -> tuple[str, ...] | None:
        """The lines of `env.lock` where it names a file of the person's; None for a shipped lock, or none."""
        return self._lock

    @property
    def processes(self) -> int:
        """How many processes train together: one per GPU; without GPUs what `parallel:` says, else one."""
        return self.parallel.processes or max(1, self.resources.gpus)

    @property
    def environment(self) -> EnvSection:
        """`env:` with the packages that the rest of the recipe needs beside the lock."""
        if self.env.python is not None:
            return self.env
        optimizer = self.train.optim or ""
        eight_bits = "8bit" in optimizer and optimizer != "adamw_torch_8bit"
        needed = [BITSANDBYTES] if self.model.load_in_4bit or eight_bits or optimizer.startswith("paged_") else []
        needed += [PRODIGY] if optimizer == "prodigy" else []
        named = {re.split(r"[=<>\[ ]", line, maxsplit=1)[0].lower() for line in self.env.packages}
        missing = [line for line in needed if re.split(r"[=<>]", line, maxsplit=1)[0] not in named]
        return self.env.model_copy(update={"packages": [*self.env.packages, *missing]}) if missing else self.env

    def located(self, folder: Path, lock: tuple[str, ...] | None) -> Self:
        """The same recipe, knowing where it was loaded from."""
        copy = self.model_copy()
        copy._folder, copy._lock = folder, lock
        return copy

    @model_validator(mode="after")
    def _data_suits_the_method(self) -> Recipe:
        for key, entries in (("datasets", self.datasets), ("eval.datasets", self.eval.datasets)):
            for number, entry in enumerate(entries):
                if self.data_types and entry.type not in self.data_types:
                    suits = " or ".join(self.data_types)
                    raise ValueError(f"{key}.{number}.type: {self.method} learns from {suits}, not {entry.type}")
        return self

    @model_validator(mode="after")
    def _adapter_suits_the_rest(self) -> Recipe:
        if self.model.load_in_4bit and self.adapter is None:
            raise ValueError("model.load_in_4bit needs an adapter: weights of 4 bits can't be trained themselves")
        if self.adapter is not None and self.adapter.type == "ptuning" and self.method != "sft":
            raise ValueError(f"adapter.type: ptuning is for sft alone; {self.method} takes lora or lokr")
        return self

    @model_validator(mode="after")
    def _parallel_suits_the_rest(self) -> Recipe:
        gpus, asked, strategy = self.resources.gpus, self.parallel.processes, self.parallel.strategy or "ddp"
        if gpus and asked not in (None, gpus):
            raise ValueError(f"parallel.processes: with {gpus} GPUs there are {gpus}; leave it out")
        if strategy != "ddp" and not gpus:
            raise ValueError(f"parallel.strategy: {strategy} needs GPUs (accelerate gives it to no CPU): write ddp")
        if strategy != "ddp" and self.method == "ppo":
            raise ValueError(f"parallel.strategy: ppo lets a whole model write answers, so not {strategy}: write ddp")
        built_here = self.env.python is None and self.env.lock is None
        named = any(re.match(r"deepspeed\b", line) for line in self.env.packages)
        if strategy == "deepspeed" and built_here and not named:
            raise ValueError("parallel.strategy: deepspeed needs its package: write env: {packages: [deepspeed]}")
        if self.parallel.activation_checkpointing and self.train.gradient_checkpointing is not False:
            raise ValueError("parallel.activation_checkpointing needs train: {gradient_checkpointing: false}")
        return self

    @model_validator(mode="after")
    def _best_needs_evaluation(self) -> Recipe:
        if self.save.pull == "best" and not self.eval.active:
            raise ValueError("save.pull: best needs an evaluation: give eval.val_set_size or eval.datasets")
        return self
