"""`lt submit` and `lt run`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_agent.protocol.errors import LtError

from ..client import Client, Job
from ..client.leasing import usual_seconds
from ..client.models import as_dict
from ..wording import phrase, placed, ranking, say, state
from ..wording.say import reason
from .common import Reading, json_option, seconds
from .lease_words import lease_words
from .output import emit, emit_json, note
from .queue import wishes_options

if TYPE_CHECKING:
    from ..client.details import Plan
    from ..client.wishing import Wishes


@click.command()
@click.argument("host")
@click.argument("recipe")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--follow", "-f", is_flag=True, help="show the log until the job ends; Ctrl-C leaves it running")
@click.option("--dry-run", is_flag=True, help="check everything, show what would be sent, submit nothing")
@click.option("--name", help="the job's name; without it one is made from the recipe's")
@wishes_options
@json_option
def submit(
    host: str,
    recipe: str,
    overrides: tuple[str, ...],
    follow: bool,
    dry_run: bool,
    name: str | None,
    wishes: Wishes,
    as_json: bool,
) -> int:
    """Train by RECIPE (a gallery name or a file) on HOST; prints the job's name.

    HOST may be `any`, `any:gpu=a100` (hosts with this label) or several names with commas between: the best of them is
    taken, and another one if it is free first.

    \b
    lt submit a100 sft-lora datasets.0.path=train.jsonl train.learning_rate=1e-4
    lt submit any sft-lora --dry-run
    lt submit local tiny-sft --follow
    """
    with Reading() as reading, Client(progress=reading.note) as client:
        if not client.has_host(host) and client.has_host(recipe):
            raise LtError("host_and_recipe_swapped", host=recipe, recipe=host)
        if client.has_sweep(recipe, overrides):
            from .sweep import Asked, run_sweep

            sweep = Asked(host, recipe, overrides, name, wishes)
            return run_sweep(client, sweep, dry_run=dry_run, follow=follow, as_json=as_json)
        if dry_run:
            return _show_plan(client.plan(host, recipe, overrides, name=name, wishes=wishes), as_json)
        job = client.submit(host, recipe, overrides, name=name, wishes=wishes)
        _warn_of_lease(client, job.host, lambda: usual_seconds(client, recipe, overrides))
        return _submitted(client, job, follow, as_json)


@click.command()
@click.argument("host")
@click.option("--gpus", type=click.IntRange(0), help="how many GPUs to wait for; without it one, if the host has any")
@click.option("--pull", multiple=True, metavar="GLOB", help="files to bring home, as 'out/**'; may be repeated")
@click.option("--name", help="the job's name; without it one is made from the script's")
@click.option("--python", "--env", "python", metavar="PATH", help="the interpreter that `python` means on the host")
@click.option("--timeout", metavar="TIME", help="stop it after so long: 30m, 12h")
@click.option("--secret", "secrets", multiple=True, metavar="NAME", help="a variable from your environment or keyring")
@click.option("--folder", type=click.Path(path_type=Path), help="send this folder instead of the one you stand in")
@click.option("--follow", "-f", is_flag=True, help="show the log until the job ends; Ctrl-C leaves it running")
@click.option("--dry-run", is_flag=True, help="show what would be sent, submit nothing")
@wishes_options
@json_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND ...")
def run(
    host: str,
    gpus: int | None,
    pull: tuple[str, ...],
    name: str | None,
    python: str | None,
    timeout: str | None,
    secrets: tuple[str, ...],
    wishes: Wishes,
    folder: Path | None,
    follow: bool,
    dry_run: bool,
    as_json: bool,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND on HOST in a copy of your working folder as it is now; prints the job's name.

    What .gitignore and .ltignore name stays at home. Lines of JSON that the command appends to $LT_METRICS become
    metrics; files that match --pull come home as they are finished.

    \b
    lt run a100 --gpus 1 --pull 'out/**' -- python train.py --lr 1e-3
    """
    argv = list(command[1:] if command[:1] == ("--",) else command)
    length = seconds(timeout)
    with Client() as client:
        if dry_run:
            plan = client.plan_run(
                host,
                argv,
                folder=folder,
                gpus=gpus,
                pull=pull,
                name=name,
                python=python,
                timeout=length,
                secrets=secrets,
                wishes=wishes,
            )
            return _show_plan(plan, as_json)
        job = client.run(
            host,
            argv,
            folder=folder,
            gpus=gpus,
            pull=pull,
            name=name,
            python=python,
            timeout=length,
            secrets=secrets,
            wishes=wishes,
        )
        _warn_of_lease(client, job.host, lambda: length)
        return _submitted(client, job, follow, as_json)


def _submitted(client: Client, job: Job, follow: bool, as_json: bool) -> int:
    if as_json:
        emit_json(job)
    else:
        emit(job.name)
    ranks = client.ranking_of(job.id)
    if ranks:
        note(placed(ranks))
    reach = client.reachability().get(job.host)
    waits = reach is not None and reach.next_try_at is not None and reach.next_try_at > datetime.now(timezone.utc)
    if reach is not None and waits and reach.state in ("unreachable", "refused"):
        told = say(reach.error).message if reach.error else ""
        note(phrase("submit_waits", host=job.host, state=state(reach.state), why=told.rstrip(".。"), job=job.name))
    if not follow:
        return 0
    from .follow import follow_job

    return follow_job(client, job.id)


def _warn_of_lease(client: Client, host: str, needs: Callable[[], float | None]) -> None:
    """Of a lease that ends before the job would. How long that takes is asked for only where a lease ends."""
    if client.host(host).host.until is None:
        return
    warning = client.lease_at_submit(host, needs())
    if warning is not None:
        note(f"{lease_words(warning)} → {phrase('lease_hint', host=host)}")


def _show_plan(plan: Plan, as_json: bool) -> int:
    if as_json:
        emit_json(plan)
        return 0
    emit("# " + phrase("plan_head", name=plan.name, host=plan.host, gpus=plan.gpus))
    for line in ranking(as_dict(plan.ranking)):
        emit(f"#   {line}")
    env = plan.env
    kind = phrase(f"plan_{env.get('kind')}")
    why = str(env.get("reason") or "").removeprefix(f"{env.get('python')}: ")
    emit("# " + phrase("plan_env", kind=kind, python=env.get("python"), reason=why))
    for line in env.get("packages") or ():
        emit(f"#   {line}")
    for item in plan.sends:
        if item.there:
            emit("# " + phrase("there_already", name=item.name))
        else:
            emit("# " + phrase("sends", name=item.name, files=item.files, size=item.size))
        for path, why in item.skipped:
            note(phrase("left_out", path=path, why=reason(why)))
    emit("# " + phrase("plan_size", size=plan.size))
    if plan.kind == "command":
        import shlex

        emit("# " + phrase("plan_home", what=", ".join(plan.outputs) or phrase("plan_nothing")))
        emit(shlex.join(plan.argv))
    else:
        emit("# " + phrase("plan_home", what=plan.pull))
        import yaml

        emit(yaml.safe_dump(dict(plan.recipe), sort_keys=False, allow_unicode=True).rstrip())
    return 0
