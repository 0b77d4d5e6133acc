"""The root command, and the one place where whatever goes wrong becomes a sentence and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

import click

from lt_agent.protocol.errors import LtError

from .lazy import LazyGroup

INTERRUPTED = 130  # as a shell says it: 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE

COMMANDS = {
    "host": ("host", "host", "the machines to train on: add, connect, ls, show, check, edit, rm …"),
    "submit": ("submit", "submit", "train by a recipe on a host"),
    "run": ("submit", "run", "run your own script on a host, with the folder you stand in"),
    "pipeline": ("pipeline", "pipeline", "stages that follow each other, from a file: run, show, resume …"),
    "sweep": ("sweep", "sweep", "one recipe or script with many values: run, ls, show, wait, stop, resume"),
    "ps": ("jobs", "ps", "the jobs, and how far they are"),
    "show": ("show", "show", "all that is known of one job"),
    "logs": ("logs", "logs", "what a job printed; -f follows it"),
    "metrics": ("metrics", "metrics", "a job's values: loss, learning rate, memory …; --plot draws them"),
    "compare": ("compare", "compare_jobs", "jobs side by side: recipes, steps, values"),
    "events": ("events", "events", "what happened, over all jobs"),
    "wait": ("jobs", "wait", "wait until jobs have ended"),
    "stop": ("control", "stop", "save, end, and prove that nothing is left running"),
    "pause": ("control", "pause", "as stop, to be resumed later; frees the GPU"),
    "priority": ("queue", "priority", "move a waiting job up or down its host's queue"),
    "resume": ("control", "resume", "go on from the newest checkpoint, or from any"),
    "save": ("control", "save", "make a checkpoint now"),
    "pull": ("control", "pull", "bring checkpoints home now"),
    "drain": ("leaving", "drain", "get a host ready to be given back: finish or save, bring everything home"),
    "gc": ("clearing", "gc", "what takes space on a host, and deleting what is safe to"),
    "rm": ("control", "rm", "forget an ended job and delete its files on the host"),
    "recover": ("recover", "recover", "know again what is on a host, or what came home, when the database is gone"),
    "adopt": ("recover", "adopt", "take over a job from another laptop"),
    "ssh": ("ssh", "ssh", "a shell on a host or in a job's folder, or one command there"),
    "forward": ("forward", "forward", "a port of a job's host on this machine: TensorBoard, a served model"),
    "estimate": ("estimate", "estimate", "the memory that a recipe takes, and whether a host's GPU has it"),
    "recipe": ("recipe", "recipe", "the gallery, and recipes of yours: ls, show, check, new"),
    "secret": ("secret", "secret", "tokens that jobs need, in the system's keyring: set, ls, rm, give"),
    "notify": ("notify", "notify", "be told by desktop, Slack, Feishu, DingTalk or a command: ls, test"),
    "audit": ("audit", "audit", "who did what, when, by which command; --verify"),
    "cost": ("cost", "cost", "what hosts, jobs and weeks have cost, and what was idle"),
    "stats": ("stats", "stats", "success, waiting and speed of past jobs, by host and recipe"),
    "data": ("data", "data", "the snapshots of data and code, and the hosts that have them"),
    "controller": ("controller", "controller", "the background process: run, start, status, stop"),
    "doctor": ("doctor", "doctor", "check this machine: what is there, what is missing, what to do"),
    "demo": ("demo", "demo", "train a tiny model for real, end to end, on this machine"),
}

SECTIONS = {
    "First steps": ("demo", "doctor", "host", "recipe", "estimate"),
    "Jobs": ("submit", "run", "ps", "show", "logs", "metrics", "compare", "events", "wait"),
    "What can be done to a job": ("stop", "pause", "resume", "save", "pull", "priority", "rm"),
    "Many jobs": ("sweep", "pipeline"),
    "On the host": ("ssh", "forward", "data", "gc", "drain"),
    "Costs, records, recovery": ("cost", "stats", "audit", "recover", "adopt"),
    "This machine": ("secret", "notify", "controller"),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    sections=SECTIONS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="labtrain", prog_name="lt")
@click.pass_context
def lt(ctx: click.Context) -> None:
    """Train on any machine you can SSH into.

    Add a host once, submit a recipe or a script of yours, watch it, close the laptop: the job goes on, and its verified
    checkpoints come home by themselves.
    """
    if ctx.invoked_subcommand is None:
        ctx.exit(open_screen(ctx))


def open_screen(ctx: click.Context) -> int:
    """What `lt` alone does: the terminal UI; the help where there is no terminal to show it on."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(ctx.get_help())
        return 0
    from importlib import import_module

    # By name, for the arrow between the packages points the other way: the screens stand on our client.
    return int(import_module("lt_tui").main())


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `lt` and returns its exit code: 0 done, 1 failed, 2 usage, 3 host unreachable, 4 no such thing."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us, as in `lt ps >&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - open as long as we run
    try:
        result = _invoke(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.ctx is not None and error.ctx.info_name == "run":
            hint = "If it is your command's, put -- before the command: lt run HOST -- python train.py …"
            error = click.UsageError(f"{error.format_message()} {hint}", error.ctx)
        error.show()
        return error.exit_code
    except LtError as error:
        return tell(error)
    except (click.Abort, KeyboardInterrupt):
        from ..wording import phrase

        click.echo(phrase("interrupted"), err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has had enough. Python would complain once more when it closes stdout.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        path = str(error.filename) if error.filename else ""
        return tell(LtError("system_error", why=error.strerror or str(error), path=path))
    except Exception as error:
        return tell(_unexpected(error))


def _invoke(argv: list[str]) -> object:
    if "_LT_COMPLETE" in os.environ:  # the shell asks what may come next
        return lt.main(args=argv, prog_name="lt", standalone_mode=False)
    # `lt.main` would answer a closed pipe itself, by an exit code that says that the command failed.
    with lt.make_context("lt", argv) as context:
        return lt.invoke(context)


def tell(error: LtError) -> int:
    """Prints the error on stderr and returns its exit code."""
    from ..wording import exit_code, say

    said = say(error)
    lines = [f"lt: {said.message}", *(f"  {line}" for line in said.details)]
    click.echo("\n".join(lines + ([f"    → {said.next}"] if said.next else [])), err=True)
    return exit_code(error.code)


def _unexpected(error: Exception) -> LtError:
    """A fault of ours: the traceback goes into a file, the person gets a line."""
    import time
    import traceback

    from ..home import Home

    why = f"{type(error).__name__}: {error}"
    try:
        folder = Home().make().logs
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / time.strftime(f"error-%Y%m%d-%H%M%S-{os.getpid()}.txt")
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    except (OSError, LtError):
        traceback.print_exc()
        return LtError("unexpected", why=why, log="the lines above")
    return LtError("unexpected", why=why, log=str(path))
