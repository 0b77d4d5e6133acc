"""`method: sft`: supervised fine-tuning through TRL's SFTTrainer, all weights or a LoRA adapter."""

from __future__ import annotations

from typing import Any

from .arguments import Device, build, field_names, trainer_arguments
from .checkpoints import versions
from .control import EarlyLeave, Requests
from .data import load_data
from .failures import TrainingFailure
from .job import WorkerJob, say
from .models import BASE, build_model, load_adapter, load_model, load_tokenizer, lora_config
from .progress import goal_of, progress_from


def train(job: WorkerJob, requests: Requests, leave: EarlyLeave, resumed: dict[str, Any]) -> None:
    """Trains `job` to its end or to a stop request; `resumed` is the note of the checkpoint it goes on from, or {}."""
    say("importing torch, transformers and TRL …")
    from trl import SFTConfig, SFTTrainer

    from .callback import SpoolCallback
    from .quiet import plain_log

    plain_log()
    evaluate = job.section("eval")
    evaluates = bool(evaluate.get("val_set_size") or evaluate.get("datasets"))
    device = _device(job)
    arguments = trainer_arguments(job, field_names(SFTConfig), device, evaluates)
    args = build(SFTConfig, arguments)
    if args.world_size > 1:
        # The ranks are connected now: from here they leave together or not at all.
        leave.disarm()
    requests.leave_if_asked()

    say("reading the data …")
    data = load_data(job)
    _compare_data(job, resumed, data.digest)
    requests.leave_if_asked()
    tokenizer = load_tokenizer(job)
    model = load_model(job, tokenizer)
    adapter = job.recipe.get("adapter")
    if adapter and adapter.get("path"):
        model = load_adapter(model, str(adapter["path"]))
    peft_config = lora_config(adapter) if adapter and not adapter.get("path") else None
    requests.leave_if_asked()

    class Trainer(SFTTrainer):  # type: ignore[misc]
        """TRL's, without the model card that it writes into the output folder at every save."""

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            """Nothing: `lt.json` says what a card would."""

    callback = SpoolCallback(
        job,
        requests,
        leave,
        goal_of(evaluate),
        progress_from(resumed),
        {"version": 1, "method": "sft", "versions": versions(), "data_digest": data.digest},
        save_best=evaluates and job.section("save").get("pull") == "best",
    )
    say(f"tokenising {len(data.train)} rows" + (f" and {len(data.eval)} to evaluate on …" if data.eval else " …"))
    try:
        trainer = Trainer(
            model=model,
            args=args,
            train_dataset=data.train,
            eval_dataset=data.eval,
            processing_class=tokenizer,
            peft_config=peft_config,
            callbacks=[callback],
        )
    except (ValueError, TypeError) as error:
        raise TrainingFailure("bad_recipe", f"SFTTrainer refuses: {error}") from error
    _without_printing(trainer)
    requests.leave_if_asked()
    callback.rows = (len(trainer.train_dataset), len(trainer.eval_dataset) if trainer.eval_dataset else 0)
    if callback.rows[0] == 0:
        raise TrainingFailure("bad_data", "no row is left after tokenising: train.max_length cuts every answer away")
    _say_size(trainer, device)
    trainer.train(resume_from_checkpoint=str(job.resume.path) if job.resume else None)
    if callback.stopped:
        say("stopped")
        return
    _save_final(job, trainer, callback)
    say("done")


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


def _compare_data(job: WorkerJob, resumed: dict[str, Any], digest: str) -> None:
    """Other data at a resume is allowed (it may be meant), but not in silence: the skipped rows are others then."""
    import time

    from lt_agent.protocol.files import append_line

    from .job import is_main

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
    trained = sum(p.numel() for p in trainer.model.parameters() if p.requires_grad)
    total = sum(p.numel() for p in trainer.model.parameters())
    precision = "bfloat16" if trainer.args.bf16 else "float16" if trainer.args.fp16 else "float32"
    say(f"training {trained:,} of {total:,} parameters on {device.kind} in {precision}")


def _save_final(job: WorkerJob, trainer: Any, callback: Any) -> None:
    """`out/final`: the model or adapter with its tokenizer, and the base where it exists nowhere else."""
    folder = job.paths.out / "final"
    say("saving the final model …")
    trainer.save_model(str(folder))
    if job.recipe.get("adapter") and job.section("model").get("from_config") is not None and trainer.args.should_save:
        # Built again: PEFT, taken off the trained model, would leave the trained embeddings in it.
        build_model(job.section("model"), trainer.processing_class, job.seed).save_pretrained(str(folder / BASE))
    callback.give_word(folder, trainer.state.global_step, kind="final")
