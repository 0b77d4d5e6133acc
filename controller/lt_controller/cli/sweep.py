"""`lt sweep`: one recipe tried with many values."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..client import Client
from ..display import safe
from ..wording import phrase, say, state
from ..wording import why as worded_why
from ..wording.say import duration
from .common import Reading, json_option, seconds
from .curves import write_text
from .lazy import LazyGroup
from .output import ago, emit, emit_json, emit_table, note, on_terminal
from .queue import wishes_options

if TYPE_CHECKING:
    from ..client.details import Plan
    from ..client.trials import Sweep, Trial
    from ..client.wishing import Wishes
    from ..home import Home

COMMANDS = {
    "run": ("sweep", "run", "start the sweep of a recipe over one host or several"),
    "ls": ("sweep", "ls", "the sweeps, and how far they are"),
    "show": ("sweep", "show", "the trials as a table and a plot, and the best of them"),
    "wait": ("sweep", "wait", "wait until a sweep is over"),
    "stop": ("sweep", "stop", "begin no more trials, and stop those under way"),
    "resume": ("sweep", "resume", "go on after a stop, or with what has failed"),
}
_OWN_WORDS = frozenset({"done", "stopped", "pruned", "pruning", "resuming", "planned"})
_SPARE = ("TIME", "HOST", "STEP", "WHY")


@click.group(cls=LazyGroup, table=COMMANDS)
def sweep() -> None:
    """One recipe, or a script of yours, tried with many values over all your hosts."""


@click.command()
@click.argument("hosts")
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--dry-run", is_flag=True, help="check everything, show the trials, start nothing")
@click.option("--name", help="the sweep's name; its jobs are NAME-1, NAME-2 …")
@wishes_options
@json_option
def run(
    hosts: str, recipe: str, overrides: tuple[str, ...], dry_run: bool, name: str | None, wishes: Wishes, as_json: bool
) -> int:
    """Start the sweep in RECIPE; prints its name. HOSTS is a host, `any`, or several names with commas between.

    \b
    lt sweep run any lr.yaml
    lt sweep run a100,rtx tiny-sft 'sweep.grid.train.learning_rate=[1e-5, 1e-4]'
    """
    asked = Asked(hosts, recipe, overrides, name, wishes)
    with Reading() as reading, Client(progress=reading.note) as client:
        return run_sweep(client, asked, dry_run=dry_run, follow=False, as_json=as_json)


class Asked(NamedTuple):
    """A sweep as it was typed."""

    hosts: str
    recipe: str
    overrides: tuple[str, ...]
    name: str | None
    wishes: Wishes


def run_sweep(client: Client, asked: Asked, *, dry_run: bool, follow: bool, as_json: bool) -> int:
    """What `lt sweep run` does, and `lt submit` with a recipe that has a sweep."""
    what = asked.hosts, asked.recipe, asked.overrides
    if dry_run:
        _show_plan(asked.hosts, *client.plan_sweep(*what, wishes=asked.wishes), as_json)
        return 0
    started = client.start_sweep(*what, name=asked.name, wishes=asked.wishes)
    if as_json:
        emit_json(_plain(started))
    else:
        emit(started.name)
    note(phrase("sweep_started", sweep=started.name, trials=started.total, concurrency=started.concurrency))
    return _end(client.wait_for_sweep(started.id), client.home) if follow else 0


def _show_plan(hosts: str, trials: list[dict[str, Any]], total: int, plan: Plan, as_json: bool) -> None:
    if as_json:
        emit_json({"trials": trials, "total": total, "first": plan})
        return
    emit("# " + phrase("sweep_plan" if len(trials) == total else "sweep_plan_search", total=total, hosts=hosts))
    emit_table(short_names(tuple(trials[0])), [[_shown(value) for value in trial.values()] for trial in trials])


@click.command()
@json_option
def ls(as_json: bool) -> int:
    """The sweeps, oldest first."""
    with Client() as client:
        client.catch_up()
        found = client.sweeps()
    if as_json:
        emit_json([_plain(each) for each in found])
        return 0
    if not found and on_terminal():
        note(phrase("sweep_none"))
        return 0
    rows = []
    for each in found:
        best = each.best
        over = sum(trial.over for trial in each.trials)
        value = [best.job, _number(best.value)] if best else ["", ""]
        rows.append([each.name, each.recipe, _word(each.state), f"{over}/{each.total}", *value, ago(each.created_at)])
    emit_table(("SWEEP", "RECIPE", "STATE", "TRIALS", "BEST", "VALUE", "AGE"), rows, right=(3, 5, 6), spare=("AGE",))
    return 0


@click.command()
@click.argument("ref", metavar="SWEEP")
@click.option("--importance", is_flag=True, help="how much each key matters to the value (needs Optuna)")
@click.option("--csv", "csv_file", metavar="FILE", help="write the trials as CSV; - is stdout")
@json_option
def show(ref: str, importance: bool, csv_file: str | None, as_json: bool) -> int:
    """The trials of SWEEP as a table, the best of them, and a plot of the values by trial."""
    with Client() as client:
        client.catch_up()
        found = client.sweep(ref)
        shares = client.importances(found.id) if importance else {}
        home = client.home
    if csv_file:
        write_text(csv_file, _csv(found))
        return 0
    if as_json:
        emit_json({**_plain(found), **({"importances": shares} if importance else {})})
        return 0
    running = sum(not trial.over for trial in found.trials)
    over = len(found.trials) - running
    head: dict[str, Any] = {"sweep": found.name, "recipe": found.recipe, "hosts": found.hosts, "over": over}
    emit(phrase("sweep_head", **head, state=_word(found.state), total=found.total, running=running or None))
    _table(found)
    if found.metric is not None:
        _plot(found)
        _tell_best(found, home)
    if shares:
        names = dict(zip(found.keys, short_names(found.keys), strict=True))
        told = ", ".join(f"{names[key]} {share:.0%}" for key, share in shares.items())
        emit(phrase("sweep_matters", shares=told))
    if found.error:
        said = say(found.error)
        note("\n".join([said.message, *(f"  {line}" for line in said.details), f"    → {said.next}"]))
    return 0


@click.command()
@click.argument("ref", metavar="SWEEP")
@click.option("--timeout", metavar="TIME", help="give up after so long: 90s, 30m")
@json_option
def wait(ref: str, timeout: str | None, as_json: bool) -> int:
    """Wait until SWEEP is over. Exit code 1 if it was stopped or failed."""
    with Client() as client:
        client.catch_up()
        ended = client.wait_for_sweep(ref, seconds(timeout))
        home = client.home
    if as_json:
        emit_json(_plain(ended))
        return 0 if ended.state == "done" else 1
    return _end(ended, home)


def _end(ended: Sweep, home: Home) -> int:
    _tell_best(ended, home)
    if ended.error:
        note(say(ended.error).message)
    return 0 if ended.state == "done" else 1


@click.command()
@click.argument("ref", metavar="SWEEP")
@json_option
def stop(ref: str, as_json: bool) -> int:
    """Begin no more trials of SWEEP, and stop those under way, saved first."""
    with Client() as client:
        found = client.sweep(ref)
        request = client.settle(client.stop_sweep(found.id), 5.0)
    if as_json:
        emit_json(request)
    note(phrase("sweep_stops", sweep=found.name))
    return 0


@click.command()
@click.argument("ref", metavar="SWEEP")
@json_option
def resume(ref: str, as_json: bool) -> int:
    """Go on with SWEEP: trials that were stopped or have failed again, as the jobs they were; then the rest."""
    with Client() as client:
        found = client.sweep(ref)
        request = client.settle(client.resume_sweep(found.id), 5.0)
    if as_json:
        emit_json(request)
    again = sum(trial.state in ("stopped", "failed") for trial in found.trials)
    note(phrase("sweep_resumes", sweep=found.name, again=again or None))
    return 0


def _table(found: Sweep) -> None:
    names = short_names(found.keys)
    value = ["VALUE", "STEP"] if found.metric is not None else []
    headings = ["TRIAL", *names, *value, "STATE", "HOST", "TIME", "WHY"]
    best = found.best
    rows = []
    for trial in found.trials:
        mark = " *" if best is not None and trial.number == best.number else ""
        numbers = [_number(trial.value) + mark, _steps(trial)] if found.metric is not None else []
        own = [_shown(trial.params.get(key)) for key in found.keys]
        ran = duration(trial.seconds) if trial.seconds else ""
        rows.append([trial.job, *own, *numbers, _word(trial.state), trial.host, ran, _why(trial)])
    first = 1 + len(names)
    emit_table(headings, rows, right=[*range(1, first), *range(first, first + len(value))], spare=_SPARE)


def short_names(keys: tuple[str, ...]) -> list[str]:
    """`train.learning_rate` as `learning_rate`, where no other key ends so."""
    last = [key.rpartition(".")[2] for key in keys]
    return [short if last.count(short) == 1 else key for short, key in zip(last, keys, strict=True)]


def _plot(found: Sweep) -> None:
    from ..plot import plot

    points = [(float(trial.number), trial.value) for trial in found.trials if trial.value is not None]
    if len(points) < 2:
        return
    columns, rows = shutil.get_terminal_size((100, 30))
    best = found.best
    title = phrase("sweep_by_trial", metric=found.metric, value=_number(best.value) if best else "")
    emit("")
    width, height = max(20, min(100, columns - 14)), max(4, min(10, rows // 3))
    for line in plot(points, width=width, height=height, title=safe(title)):
        emit(line)
    emit("")


def _tell_best(found: Sweep, home: Home) -> None:
    """The best trial, and how to come by what it made."""
    best = found.best
    if found.metric is None:
        return
    if best is None:
        if not found.alive:
            note(phrase("sweep_no_best", metric=found.metric))
        return
    names = zip(short_names(found.keys), found.keys, strict=True)
    params = ", ".join(f"{short}={_shown(best.params.get(key))}" for short, key in names)
    value = _number(best.value)
    emit(phrase("sweep_best", job=best.job, metric=found.metric, value=value, step=best.at, params=params))
    path = None if best.kind == "command" else f"model.name_or_path=job:{best.job}"
    if best.pulled:
        emit(phrase("sweep_home", path=str(home.run(best.job)), use=path))
    else:
        emit(phrase("sweep_use", job=best.job, use=path))


def _csv(found: Sweep) -> str:
    from ..client.spreadsheet import csv_text

    rows: list[list[Any]] = [["trial", "job", *found.keys, "value", "step", "state", "host", "seconds"]]
    for trial in found.trials:
        own = [_shown(trial.params.get(key)) for key in found.keys]
        ran = round(trial.seconds, 1)
        rows.append([trial.number, trial.job, *own, trial.value, trial.at, trial.state, trial.host, ran])
    return csv_text(rows)


def _plain(found: Sweep) -> dict[str, Any]:
    from ..client.models import as_dict

    return {**as_dict(found), "best": as_dict(found.best)}


def _why(trial: Trial) -> str:
    if trial.error:
        return say(trial.error).message
    if trial.state == "failed":
        return worded_why(trial.reason, trial.message, trial.exit_code)
    return ""


def _steps(trial: Trial) -> str:
    step = trial.step if trial.step is not None else trial.at
    if step is None:
        return ""
    return f"{step}/{trial.total_steps}" if trial.total_steps else str(step)


def _word(word: str) -> str:
    return phrase(f"sweep_{word}") if word in _OWN_WORDS else state(word)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return _number(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
