"""The bridge between TRL's training loop and the spool: metrics, checkpoints, requests. Imports transformers."""

from __future__ import annotations

import math
import time
from typing import Any

from transformers import TrainerCallback

from lt_agent.protocol.files import append_line

from .checkpoints import seal
from .control import EarlyLeave, Requests
from .failures import NothingLeft, TrainingFailure
from .finite import Numbers
from .hang import Watch
from .job import WorkerJob, is_main, say
from .peak import peak_memory
from .progress import Goal, Progress, metrics_line, progress_line
from .signs import Signs


class SpoolCallback(TrainerCallback):  # type: ignore[misc]
    """Add it last: it builds on what the trainer's own flow has decided for the step.

    Order within a step, which this relies on: step end (here the requests are read), log, evaluate, save.
    """

    def __init__(
        self,
        job: WorkerJob,
        requests: Requests,
        leave: EarlyLeave,
        watch: Watch,
        numbers: Numbers,
        goal: Goal,
        progress: Progress,
        note: dict[str, Any],
        *,
        save_best: bool,
        tokens_restart: bool = True,
        resumable: bool = True,
        round_steps: int = 1,
    ) -> None:
        self.stopped = False
        self.saved_step: int | None = None
        self.result: tuple[int, float] | None = None  # (step, value) of the last evaluation
        self.rows: tuple[int, int] = (0, 0)  # to learn from, to evaluate on; known when the trainer is built
        self._job = job
        self._requests = requests
        self._leave = leave
        self._watch = watch
        self._numbers = numbers
        self._signs = Signs()
        self._goal = goal
        self._progress = progress
        self._tokens_before = progress.num_tokens if tokens_restart else 0
        self._note = note
        self._save_best = save_best
        self._resumable = resumable
        self._round_steps = round_steps  # steps that learn from one round of answers
        self._rate_from = (0, 0.0)
        self._rate: float | None = None

    # -- the loop's events ---------------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """From here on a stop saves. Raises NothingLeft where a checkpoint is of the last step or a later one:
        transformers' loop would take another step before it looked.
        """
        self._leave.disarm()
        # PPO keeps its rounds in its checkpoints, so to `_round_steps` each step is one.
        of_ppo = getattr(args, "num_ppo_epochs", 1) * getattr(args, "num_mini_batches", 1)
        self._watch.expect_rounds(max(self._round_steps, of_ppo))
        self._watch.begin("evaluating" if args.eval_on_start else "step")
        self._rate_from = (state.global_step, time.monotonic())
        if is_main():
            append_line(
                self._job.paths.events, {"time": time.time(), "code": "plan", "params": self._plan(args, state)}
            )
        if state.global_step >= state.max_steps:
            raise NothingLeft
        say(f"training: step {state.global_step} of {state.max_steps}, {state.num_train_epochs} epochs")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Reads the requests, together with all ranks."""
        self._watch.step()
        stop, save = self._requests.agreed()
        if stop and state.global_step < state.max_steps:
            self.stopped = True
            control.should_save = control.should_training_stop = True
            control.should_evaluate = False  # it may take longer than the grace
            say(f"asked to stop: saving at step {state.global_step}")
        elif save:
            control.should_save = True
        self._log_before_save(control)
        self._watch_next(control)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Never writes a checkpoint again that was just given away: its files are being hashed."""
        if self.stopped:
            control.should_evaluate = False
        if self.saved_step == state.global_step:
            control.should_save = False
        self._log_before_save(control)
        self._watch_next(control)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **kwargs: Any) -> None:
        """Appends to the metrics; the number of tokens goes on from where the resumed checkpoint was."""
        if "num_tokens" in logs:
            logs["num_tokens"] += self._tokens_before
            self._progress.num_tokens = float(logs["num_tokens"])
        if "eval_num_tokens" in logs:
            logs["eval_num_tokens"] += self._tokens_before
        if state.log_history:
            state.log_history[-1].update({key: logs[key] for key in ("num_tokens", "eval_num_tokens") if key in logs})
        if is_main():
            append_line(
                self._job.paths.metrics, metrics_line({**logs, **peak_memory()}, state.global_step, time.time())
            )
            for event in self._signs.seen(state.global_step, logs):
                append_line(self._job.paths.events, {"time": time.time(), **event})
        if "loss" in logs or "eval_loss" in logs:
            self._measure_rate(state.global_step, "loss" in logs)
            say(progress_line(logs, state.global_step, state.max_steps, self._rate))
        self._numbers.logged(logs, state.global_step, scaled=bool(args.fp16))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, Any], **kwargs: Any) -> None:
        """Tracks the best result, and stops when patience is at its end."""
        if self._goal.metric not in metrics:
            raise TrainingFailure(
                "bad_recipe",
                f"eval.metric_for_best: there is no {self._goal.metric}; there are "
                + ", ".join(sorted(key for key in metrics if key.startswith("eval_"))),
            )
        value = float(metrics[self._goal.metric])
        self.result = (state.global_step, value)
        best, exhausted = self._progress.evaluated(self._goal, value)
        if best and self._save_best and state.global_step > 0 and self.saved_step != state.global_step:
            control.should_save = True
        if exhausted:
            say(f"stopping early: no better {self._goal.metric} in {self._progress.stale} evaluations")
            control.should_training_stop = True
        self._watch.begin("saving" if control.should_save else "step")

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Gives the word for a checkpoint, when all ranks have written their part of it."""
        self.saved_step = state.global_step
        folder = self._job.paths.out / f"checkpoint-{state.global_step}"
        self.give_word(folder, state.global_step, kind="checkpoint")
        self._watch.begin("step")

    # -- what the trainer calls ----------------------------------------------------------------------------------

    def give_word(self, folder: Any, step: int, *, kind: str, metric: float | None = None) -> None:
        """Seals a finished folder; called on all ranks. `kind` is `checkpoint` or `final`; `metric` is its result where
        that is not the last evaluation's.
        """
        _wait_for_all()
        if metric is None and self.result and self.result[0] == step:
            metric = self.result[1]
        best = self._progress.saved(self._goal, metric) if kind == "checkpoint" else False
        if is_main():
            note = {**self._note, "step": step, "progress": self._progress.as_dict()}
            word = {
                "step": step,
                "kind": kind,
                "metric": metric if metric is not None and math.isfinite(metric) else None,
                "metric_name": self._goal.metric if metric is not None else None,
                "best": best,
                "resumable": kind == "checkpoint" and self._resumable,
            }
            seal(self._job, folder, note, word)
            say(f"saved {folder.name}")
            if kind == "checkpoint" and step % self._round_steps:
                say("it lies within a round of answers: a run resumed from it writes new ones")

    # -- helpers -------------------------------------------------------------------------------------------------

    def _plan(self, args: Any, state: Any) -> dict[str, Any]:
        """Totals as the trainer computed them, for an ETA that is right from the first step."""
        return {
            "total_steps": state.max_steps,
            "num_epochs": state.num_train_epochs,
            "first_step": state.global_step,
            "train_rows": self.rows[0],
            "eval_rows": self.rows[1],
            "per_device_train_batch_size": args.per_device_train_batch_size,
            "gradient_accumulation_steps": args.gradient_accumulation_steps,
            "processes": args.world_size,
            "batch_size": args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size,
        }

    def _watch_next(self, control: Any) -> None:
        """What comes after a step may take longer than one."""
        if control.should_evaluate or control.should_save:
            self._watch.begin("evaluating" if control.should_evaluate else "saving")

    def _log_before_save(self, control: Any) -> None:
        """The log is what sees NaN, so it comes before every save; and no step's loss is lost between two attempts."""
        if control.should_save:
            control.should_log = True

    def _measure_rate(self, step: int, trained: bool) -> None:
        now = time.monotonic()
        if trained and step > self._rate_from[0]:
            rate = (step - self._rate_from[0]) / max(now - self._rate_from[1], 1e-9)
            # Smoothed, so that one slow step does not throw the estimate about.
            self._rate = rate if self._rate is None else 0.7 * self._rate + 0.3 * rate
        self._rate_from = (step, now)


def _wait_for_all() -> None:
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
