"""What every method shares: the phases of a training in their order. A method says only what is its own (`Method`)."""

from __future__ import annotations

import importlib
import os
import shutil
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping

from lt_agent.protocol.files import append_line

from .adapters import hold_adapter_over_four_bits, loraplus_optimizer, new_adapter
from .arguments import Device, build, field_names, trainer_arguments
from .best import best_checkpoint, take_weights
from .checkpoints import can_be_resumed, versions
from .control import EarlyLeave, Requests
from .data import Data, load_data
from .failures import NothingLeft, TrainingFailure
from .hang import Watch
from .job import WorkerJob, is_main, say
from .models import BASE, build_model, load_adapter, load_model, load_tokenizer
from .optional import PRODIGY, prodigy
from .progress import goal_of, progress_from
from .trackers import guard, with_trackers_that_load
from .turns import with_turns_marked

Extra = Callable[[WorkerJob, Any], "dict[str, Any]"]


@dataclass(frozen=True)
class Method:
    """What tells one method from another. `trainer` and `config` are names in `module`."""

    name: str
    trainer: str
    config: str
    module: str = "trl"
    block: str = ""  # the recipe's own block, whose keys are arguments of `config` too
    defaults: Mapping[str, Any] = field(default_factory=dict)  # where TRL's own default is another
    scores: bool = False  # a model with one number as its output, in place of one that writes
    compares: Callable[[Any], bool] = lambda args: False  # whether a frozen copy of the start is kept beside it
    tokenises: bool = True  # whether rows become tokens before training, and not answer by answer
    counts_on: bool = False  # whether its count of tokens goes on by itself after a resume
    further: Extra = lambda job, tokenizer: {}  # further arguments of the trainer


def train(
    method: Method, job: WorkerJob, requests: Requests, leave: EarlyLeave, watch: Watch, resumed: Mapping[str, Any]
) -> None:
    """Trains `job` to its end or to a stop request; `resumed` is the note of the checkpoint it goes on from, or {}."""
    say("importing torch, transformers and TRL …")
    trl = importlib.import_module(method.module)
    config_class, trainer_class = getattr(trl, method.config), getattr(trl, method.trainer)
    from .callback import SpoolCallback
    from .finite import AnswersAreFinite, Numbers
    from .quiet import plain_log

    plain_log()
    job = with_trackers_that_load(job)
    evaluate = job.section("eval")
    evaluates = bool(evaluate.get("val_set_size") or evaluate.get("datasets"))
    device = _device(job)
    arguments = trainer_arguments(
        job, field_names(config_class), device, evaluates, {**method.defaults, **job.section(method.block)}
    )
    args = build(config_class, arguments)
    if args.world_size > 1:
        # The ranks are connected now: from here they leave together or not at all.
        leave.disarm()
    requests.leave_if_asked()

    say("reading the data …")
    data = load_data(job)
    _compare_data(job, resumed, data.digest)
    requests.leave_if_asked()
    tokenizer = load_tokenizer(job)
    data = with_turns_marked(data, tokenizer, args)
    model, peft_config = prepared(method, job, args, tokenizer)
    requests.leave_if_asked()

    numbers = Numbers(job)
    callback = SpoolCallback(
        job,
        requests,
        leave,
        watch,
        numbers,
        goal_of(evaluate),
        progress_from(resumed),
        {"version": 1, "method": method.name, "versions": versions(), "data_digest": data.digest},
        save_best=evaluates and (job.section("save").get("pull") == "best" or _best_at_end(job)),
        tokens_restart=not method.counts_on,
        resumable=can_be_resumed(job.recipe),
        round_steps=_round_steps(args),
    )
    watch.begin("tokenising")
    say(f"tokenising {len(data.train)} rows" + (f" and {len(data.eval)} to evaluate on …" if data.eval else " …"))
    callbacks = [callback] if method.tokenises else [AnswersAreFinite(numbers), callback]
    trainer = built(_ours(trainer_class, job), method, job, args, data, model, tokenizer, peft_config, callbacks)
    _without_printing(trainer)
    guard(trainer, job)
    requests.leave_if_asked()
    callback.rows = (len(trainer.train_dataset), len(trainer.eval_dataset) if trainer.eval_dataset else 0)
    if callback.rows[0] == 0:
        raise TrainingFailure("bad_data", "no row is left after tokenising: train.max_length cuts every answer away")
    _say_size(trainer, device)
    try:
        trainer.train(resume_from_checkpoint=str(job.resume.path) if job.resume else None)
    except NothingLeft:
        say(f"step {trainer.state.global_step} was the last: there is nothing left to train")
    if callback.stopped:
        say("stopped")
        return
    watch.begin("saving")
    _save_final(method, job, trainer, callback)
    say("done")


def _ours(base: Any, job: WorkerJob) -> Any:
    """TRL's trainer with what the recipe asks for beyond it."""

    class Trainer(base):  # type: ignore[misc]
        """Without the model card that TRL writes into the output folder at every save."""

        optimizer: Any

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Nothing: `lt.json` says what a card would."""

        def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
            """The trainer's own, or LoRA+'s with two learning rates."""
            if job.section("model").get("load_in_4bit"):
                hold_adapter_over_four_bits(self.model, bool(self.args.fp16))
            ratio = (job.recipe.get("adapter") or {}).get("loraplus_lr_ratio")
            if ratio and self.optimizer is None:
                self.optimizer = loraplus_optimizer(self.model, self.args, float(ratio))
            if job.section("train").get("optim") == PRODIGY and self.optimizer is None:
                self.optimizer = prodigy(self.model, self.args, job.section("train"))
            return super().create_optimizer(*args, **kwargs)

    return Trainer


def prepared(method: Method, job: WorkerJob, args: Any, tokenizer: Any) -> tuple[Any, Any]:
    """(model, PEFT's configuration or None), under the adapter that is trained further where there is one."""
    adapter = job.recipe.get("adapter")
    model = load_model(job, tokenizer, scores=method.scores)
    if not adapter:
        if method.compares(args) and job.section("model").get("from_config") is not None:
            # TRL loads the frozen copy by the model's name, and one that was built here has none.
            place = job.cache / f"start-{os.environ.get('RANK', '0')}"
            model.save_pretrained(str(place))
            model.config.name_or_path = str(place)
        return model, None
    if adapter.get("path"):
        return load_adapter(model, str(adapter["path"])), None
    return model, new_adapter(adapter, model, scores=method.scores)


def built(
    trainer_class: Any,
    method: Method,
    job: WorkerJob,
    args: Any,
    data: Data,
    model: Any,
    tokenizer: Any,
    peft_config: Any,
    callbacks: list[Any],
) -> Any:
    """TRL's trainer, its data tokenised. Raises TrainingFailure `bad_recipe` with what it refuses."""
    further = method.further(job, tokenizer)
    try:
        return trainer_class(
            model=model,
            args=args,
            train_dataset=data.train,
            eval_dataset=data.eval,
            processing_class=tokenizer,
            peft_config=peft_config,
            callbacks=callbacks,
            **further,
        )
    except (ValueError, TypeError, NotImplementedError) as error:
        raise TrainingFailure("bad_recipe", f"{method.trainer} refuses: {error}") from error


def _round_steps(args: Any) -> int:
    """Steps that learn from one round of answers; TRL keeps the round in memory alone."""
    passes = (getattr(args, "steps_per_generation", None) or 1) * (getattr(args, "num_iterations", None) or 1)
    return max(1, int(passes) // int(args.gradient_accumulation_steps))


def _device(job: WorkerJob) -> Device:
    import torch

    wanted = int(job.section("resources").get("gpus") or 0)
    if wanted == 0 or not torch.cuda.is_available():
        if wanted:
            say("no GPU can be used by this Python's torch: training on the CPU")
        return Device("cpu", bf16=False)
    native = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not native:
        say("this GPU has no bfloat16: training in float32; train.fp16: true would be faster")
    return Device("cuda", bf16=native)


def _compare_data(job: WorkerJob, resumed: Mapping[str, Any], digest: str) -> None:
    """Other data at a resume is allowed (it may be meant), but not in silence: the skipped rows are others then."""
    before = resumed.get("data_digest")
    if before and before != digest:
        say("the data is not what the checkpoint was trained on; the run goes on with the new data")
        if is_main():
            params = {"checkpoint": before[:12], "now": digest[:12]}
            append_line(job.paths.events, {"time": time.time(), "code": "resume_data_differs", "params": params})


def _without_printing(trainer: Any) -> None:
    """The log gets our line, not the dictionary that transformers prints beside it."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)


def _say_size(trainer: Any, device: Device) -> None:
    trained = sum(_weights_in(p) for p in trainer.model.parameters() if p.requires_grad)
    total = sum(_weights_in(p) for p in trainer.model.parameters())
    precision = "bfloat16" if trainer.args.bf16 else "float16" if trainer.args.fp16 else "float32"
    say(f"training {trained:,} of {total:,} parameters on {device.kind} in {precision}")


def _weights_in(parameter: Any) -> int:
    # bitsandbytes packs two weights into a byte, and remembers the shape that they had.
    packed = getattr(parameter, "quant_state", None)
    return int(packed.shape.numel() if packed is not None else parameter.numel())


def _save_final(method: Method, job: WorkerJob, trainer: Any, callback: Any) -> None:
    """`out/final`: the model or adapter with its tokenizer, and the base where it exists nowhere else. Its weights are
    the last step's, or the best checkpoint's where the recipe asks for that.
    """
    folder = job.paths.out / "final"
    say("saving the final model …")
    trainer.save_model(str(folder))
    if trainer.args.should_save:
        # Beside an adapter that was trained further: the frozen copy of its start.
        for name in ("ref", "reference"):
            shutil.rmtree(folder / name, ignore_errors=True)
    model = job.section("model")
    if job.recipe.get("adapter") and model.get("from_config") is not None and trainer.args.should_save:
        # Built again: PEFT, taken off the trained model, would leave the trained embeddings in it.
        base = build_model(model, trainer.processing_class, job.seed, scores=method.scores)
        base.save_pretrained(str(folder / BASE))
    best = best_checkpoint(job) if _best_at_end(job) else None
    if best is not None and trainer.args.should_save and not take_weights(best, folder):
        best = None
    if best is not None:
        say(f"it has the weights of {best.folder.name}, the best")
        callback.give_word(folder, best.step, kind="final", metric=best.metric)
        return
    if _best_at_end(job):
        say("no best checkpoint is here: it has the weights of the last step")
    callback.give_word(folder, trainer.state.global_step, kind="final")


def _best_at_end(job: WorkerJob) -> bool:
    return bool(job.section("eval").get("load_best_model_at_end"))
