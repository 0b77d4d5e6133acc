"""What needs the terminal for itself: a command of `lt`, with the screen put aside meanwhile."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .i18n import _, current
from .text import safe

if TYPE_CHECKING:
    from .app import LtApp


def run_lt(app: LtApp, words: Sequence[str]) -> None:
    """`lt WORDS` in this terminal, in the language of the screen, then back."""
    import os

    # `-c` looks into the folder one stands in before it looks anywhere else, and that may be a stranger's project.
    code = "import sys; sys.path = [p for p in sys.path if p]; from lt_controller.cli import main; sys.exit(main())"
    environment = {**os.environ, "LT_LANG": current()}
    if app.home is not None:
        environment["LT_HOME"] = os.fspath(app.home)
    try:
        with app.suspend():
            sys.stdout.write(f"$ lt {safe(shlex.join(words))}\n")
            sys.stdout.flush()
            subprocess.run([sys.executable, "-c", code, *words], check=False, env=environment)
            sys.stdout.write(_("Enter goes back to lt. "))
            sys.stdout.flush()
            sys.stdin.readline()
    except OSError as error:
        app.tell(str(error), severity="error")
    except KeyboardInterrupt:
        pass  # ctrl+c was meant for the command
    app.refresh()


def run_demo(app: LtApp) -> None:
    """The demo."""
    run_lt(app, ["demo"])


def run_doctor(app: LtApp) -> None:
    """What is fit on this machine."""
    run_lt(app, ["doctor"])


def run_typed(app: LtApp, text: str) -> None:
    """`:lt WORDS`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        app.tell(f"lt {text}: {error}", severity="warning")
        return
    if words:
        run_lt(app, words)
