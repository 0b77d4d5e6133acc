"""The options of `lt submit` and `lt run` as lines of a form: the same names, the same rules."""

from __future__ import annotations

import shlex
from typing import Any

from lt_controller.client.quantities import seconds, size_of

from .forms import Option
from .i18n import _


def name() -> Option:
    """`--name`."""
    return Option(
        "name", _("The job's name; without one it is made from the recipe's or the script's."), _("made up"), _name
    )


def priority() -> Option:
    """`--priority`."""
    note = _("A higher one goes first on its host: from -100 to 100; a point is worth a day's earlier arrival.")
    return Option("priority", note, "0", _priority)


def of_a_run() -> list[Option]:
    """All that `lt run` takes."""
    any_gpus = _("one, if it has any")
    return [
        Option("command", _("What runs there, as you would type it here: python train.py --lr 1e-4"), "", words),
        Option("folder", _("It travels as it is now, without what .gitignore and .ltignore name."), ".", path=True),
        Option("gpus", _("How many it waits for; 0 is none."), any_gpus, count),
        Option("pull", _("Patterns of files that come home, with spaces between: out/** *.png"), "", words),
        Option("python", _("The interpreter that `python` means there."), _("the host's")),
        Option("timeout", _("It is stopped after so long: 90m, 12h, 2d."), _("none"), seconds),
        name(),
        priority(),
        Option("retries", _("New attempts after a failure that one may cure."), "0", count),
        Option("retry-wait", _("Before the first of them; doubled for each further one: 1m, 1h."), "1m", seconds),
        Option("gpu-memory", _("What each of its GPUs must have in all: 24GiB."), "", size_of),
        Option("cpus", _("Cores to wait for, counted among jobs that ask for some."), "", count),
        Option("disk", _("Free space on the host to wait for: 200GiB."), "", size_of),
        Option(
            "secrets", _("Variables from lt's environment or the keyring, with spaces between: HF_TOKEN"), "", words
        ),
    ]


def words(text: str) -> list[str]:
    """Words as a shell takes them apart. Raises ValueError in words."""
    try:
        return shlex.split(text)
    except ValueError:
        raise ValueError(_("a quotation mark is left open")) from None


def count(text: str) -> int:
    """A whole number from 0 on. Raises ValueError in words."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(_("{value} is no whole number", value=text))
    return int(text)


def _priority(text: str) -> int:
    from lt_controller.client.queueing import check_priority

    try:
        number = int(text)
    except ValueError:
        raise ValueError(_("A priority is a whole number.")) from None
    check_priority(number)
    return number


def _name(text: str) -> Any:
    from lt_controller.client.planning import job_name

    return job_name(text, "", "")
