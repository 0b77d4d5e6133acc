"""Ends a run whose numbers are none any more before it saves them, and names the last checkpoint that is good."""

from __future__ import annotations

import math
from typing import Any, Mapping

import torch
from transformers import TrainerCallback

from .again import newest_checkpoint
from .failures import TrainingFailure
from .job import WorkerJob

_WHAT_TO_DO = "lower train.learning_rate, look for broken rows, or use bf16 in place of fp16"


class Numbers:
    """What is known of a run's numbers: up to which step they were finite."""

    def __init__(self, job: WorkerJob) -> None:
        self._job = job
        self._finite_at = 0  # the last step whose loss was logged, and finite

    def logged(self, logs: Mapping[str, Any], step: int, *, scaled: bool) -> None:
        """Raises TrainingFailure `nan` for a loss or gradient that is no number.

        With loss scaling (fp16) an infinite gradient is normal: that step is skipped and the scale halved.
        """
        for key in ["loss", "eval_loss"] + ([] if scaled else ["grad_norm"]):
            value = logs.get(key)
            if isinstance(value, (int, float)) and not math.isfinite(value):
                raise self.failure(f"{key} is {value}", step)
        if "loss" in logs:
            self._finite_at = step

    def failure(self, what: str, step: int) -> TrainingFailure:
        """The end of a run: what is no number, and what to go back to."""
        return TrainingFailure("nan", f"{what} at step {step}, and nothing was saved after it{self._good()}")

    def _good(self) -> str:
        # A loss tells of the weights before its own step, and an entry's loss of all steps since the one before it.
        found = newest_checkpoint(self._job.paths, before=self._finite_at)
        name = found[1].name if found else None
        resume = self._job.resume
        if name is None and resume is not None and resume.step is not None and resume.step < self._finite_at:
            name = resume.path.name
        known = f"{name} is the last that is known to be good" if name else "no checkpoint is known to be good"
        return f"; {known}: {_WHAT_TO_DO}"


class AnswersAreFinite(TrainerCallback):  # type: ignore[misc]
    """Looks at the first logits that a step draws an answer from, and at no others: one look a round of answers.

    A draw from NaN fails in words that tell nobody why; on a GPU in an assertion of the device, after which nothing
    can be asked of it. Raises TrainingFailure `nan` out of the model's forward pass. Not with `torch_compile`.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._step = 0
        self._hook: Any = None

    def on_step_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """From here to the next forward pass of the output layer."""
        self._away()
        self._step = state.global_step
        if model is not None and not args.torch_compile:
            self._hook = model.get_output_embeddings().register_forward_hook(self._look)

    def _look(self, module: Any, inputs: Any, logits: torch.Tensor) -> None:
        self._away()
        if torch.is_grad_enabled():
            return  # a step within a round: its loss is looked at when it is logged
        if bool(torch.isnan(logits[:, -1]).any()):  # infinity may be a mask
            raise self._numbers.failure("what the model writes is nan", self._step)

    def _away(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
