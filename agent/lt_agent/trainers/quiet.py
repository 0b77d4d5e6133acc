"""A log that a person can read, and a worker that tells nobody what it does."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Sequence

_OFF = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}


def quiet_environment() -> None:
    """Sets what the libraries read when they are imported; what the job's own variables say stays."""
    for name, value in _OFF.items():
        os.environ.setdefault(name, value)
    # PEFT imports it where it is installed, and on a CPU it tells what it could not load from the hub.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def prepare_trackers(names: Sequence[str], events: Path) -> None:
    """Before the libraries are imported: only the trackers that the recipe names may write, TensorBoard to `events`."""
    if "wandb" not in names:
        os.environ.setdefault("WANDB_MODE", "disabled")
    if "tensorboard" in names:
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(events))


def plain_log() -> None:
    """No bars (a bar in a file is one endless line), after the libraries are imported."""
    import warnings

    import datasets
    import transformers

    # What becomes of an argument's name in a later release is nothing that who trains can act on.
    warnings.filterwarnings("ignore", category=FutureWarning)
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
