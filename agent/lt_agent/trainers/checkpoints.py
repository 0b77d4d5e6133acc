"""What a checkpoint folder must hold, and the word that one is complete."""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path
from typing import Any, Mapping

from lt_agent.protocol.files import read_json, write_json

from .failures import TrainingFailure
from .job import Resume, WorkerJob
from .parallel import DEEPSPEED, FSDP, strategy

NOTE = "lt.json"
"""In every checkpoint and final model: the recipe, the versions, the data's digest, and how far it was."""

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")
_UNWANTED = ("training_args.bin", "README.md")  # a pickle that nothing reads; a model card nobody wrote


def missing_state(folder: Path, processes: int, recipe: Mapping[str, Any]) -> list[str]:
    """The names of what an exact resume of that recipe by that many processes needs and `folder` lacks.

    transformers goes on without optimizer, scheduler or random state and says nothing: other numbers come out.
    """
    absent = []
    if not any((folder / name).is_file() for name in _WEIGHTS):
        absent.append("weights (safetensors)")
    if not ((folder / "optimizer.pt").is_file() or (folder / "optimizer.bin").is_file()):
        absent.append("optimizer.pt")
    absent += [name for name in ("scheduler.pt", "trainer_state.json") if not (folder / name).is_file()]
    own = ["rng_state.pth"] if processes == 1 else [f"rng_state_{rank}.pth" for rank in range(processes)]
    own += [f"ppo_{rank}.safetensors" for rank in range(processes)] if recipe.get("method") == "ppo" else []
    own += ["pytorch_model_fsdp.bin"] if strategy(recipe) == FSDP else []
    return absent + [name for name in own if not (folder / name).is_file()]


def can_be_resumed(recipe: Mapping[str, Any]) -> bool:
    """Whether a checkpoint of this recipe holds all of its state.

    Not with p-tuning: PEFT saves the tokens that were learnt, and not the network that makes them. Not with DeepSpeed:
    it reads its state as a pickle, which may do anything.
    """
    return (recipe.get("adapter") or {}).get("type") != "ptuning" and strategy(recipe) != DEEPSPEED


def check_resume(resume: Resume, processes: int, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The note of a checkpoint that can be resumed exactly. Raises TrainingFailure `resume_incomplete` otherwise."""
    if strategy(recipe) == DEEPSPEED:
        raise TrainingFailure(
            "resume_incomplete", "DeepSpeed's checkpoints are not resumed: it reads them as pickles; FSDP's are"
        )
    if not can_be_resumed(recipe):
        raise TrainingFailure(
            "resume_incomplete", "p-tuning can't be resumed: a checkpoint holds its tokens and not what makes them"
        )
    if not resume.path.is_dir():
        raise TrainingFailure("resume_incomplete", f"there is no checkpoint at {resume.path}")
    absent = missing_state(resume.path, processes, recipe)
    if absent:
        raise TrainingFailure(
            "resume_incomplete",
            f"{resume.path.name} lacks {', '.join(absent)}, so training would go on with other numbers than before; "
            "resume from an earlier checkpoint, or start anew from its weights (model.name_or_path)",
        )
    try:
        note = read_json(resume.path / NOTE)
        step = read_json(resume.path / "trainer_state.json")["global_step"]
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingFailure("resume_incomplete", f"{resume.path.name} can't be read: {error!r}") from None
    if resume.step is not None and step != resume.step:
        raise TrainingFailure("resume_incomplete", f"{resume.path.name} is of step {step}, not {resume.step}")
    return note if isinstance(note, dict) else {}


def seal(job: WorkerJob, folder: Path, note: dict[str, Any], word: dict[str, Any]) -> None:
    """Declares `folder` finished: leaves out what nobody needs, adds the note, then gives the word.

    The word, `control/saved/<name>`, comes last: whoever sees it may read every file of the folder. Call it in one
    process, when all have written.
    """
    for name in _UNWANTED:
        (folder / name).unlink(missing_ok=True)
    write_json(folder / NOTE, {**note, "job": job.paths.job, "attempt": job.paths.attempt, "recipe": dict(job.recipe)})
    job.paths.saved.mkdir(parents=True, exist_ok=True)
    write_json(job.paths.saved / folder.name, word)


def discard_unfinished(job: WorkerJob) -> None:
    """Removes what a failed save left in `out/`: no word was given for it, and on a full disk its space is needed."""
    if not job.paths.out.is_dir():
        return
    for folder in job.paths.out.iterdir():
        if folder.is_dir() and not (job.paths.saved / folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)


def versions() -> dict[str, str]:
    """The installed versions of what decides the numbers; absent ones are left out."""
    found = {}
    for name in ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "tokenizers"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
