"""`lt drain` and `lt host retire`: the end of a rented box."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lt_agent.protocol.errors import LtError

from ..client import Client
from ..client.relocating import is_between
from ..wording import phrase, say, state
from .common import json_option
from .output import emit, emit_json, note

if TYPE_CHECKING:
    from ..client.details import Leaving


@click.command()
@click.argument("host")
@click.option("--save", is_flag=True, help="pause what runs, saved first, and what waits; else it may finish")
@click.option("--undo", is_flag=True, help="let jobs go there again")
@click.option("--no-wait", is_flag=True, help="return at once; the same command tells later how far it is")
@json_option
def drain(host: str, save: bool, undo: bool, no_wait: bool, as_json: bool) -> int:
    """Get HOST ready to be given back: nothing new goes there, what runs finishes (or is saved), all comes home.

    Returns 0 when the host can go: nothing of yours runs or waits there, and every checkpoint that is on it is at home,
    verified. Ctrl-C only stops the watching.
    """
    with Client() as client:
        if undo:
            client.reopen_host(host)
            note(phrase("host_open", host=host))
            return 0
        leaving = client.drain_host(host, save=save)
        told = ""
        if not no_wait and not _is_over(leaving):
            for _ in client.changes(timeout=5):
                leaving = client.leaving(host)
                client.bring_home(leaving)
                if _is_over(leaving):
                    break
                told = _tell_progress(leaving, told, away(client, host))
        return _tell(leaving, as_json)


@click.command()
@click.argument("host")
@click.option("--force", is_flag=True, help="even if checkpoints are on it alone: they are given up")
@click.option("--undo", is_flag=True, help="it is back: jobs may go there again")
@click.option("--move", "to", metavar="HOST", help="go on there with what had not ended; `any` picks one for each job")
@json_option
def retire(host: str, force: bool, undo: bool, to: str | None, as_json: bool) -> int:
    """Give HOST up for good. Its jobs that have not ended count as lost; --move goes on with them elsewhere.

    A job that has retries left and was submitted to several hosts (any, a label, names) goes on by itself, once its
    newest checkpoint is at home.

    Should the host come back, what still runs of them is stopped there, so that no job runs twice.
    """
    with Client() as client:
        if undo:
            client.reopen_host(host)
            note(phrase("host_open", host=host))
            return 0
        alive = client.leaving(host).alive
        client.retire_host(host, force=force)
        client.wait_given_up(host, timeout=60)
        note(phrase("host_given_up", host=host, count=len(alive)))
        moved = [_move(client, job.id, job.name, to) for job in alive]
        if as_json:
            emit_json([client.job(job.id) for job in alive])
        return 0 if all(moved) else 1


def _move(client: Client, job: str, name: str, to: str | None) -> bool:
    """Goes on with a job elsewhere, or says how; whether nothing stood in the way."""
    found = client.job(job)
    if is_between(found):
        note(phrase("goes_on_by_itself", job=name, asked=((found.waits or {}).get("params") or {}).get("asked")))
        return True
    if not found.resting:  # it has gone on already
        note(phrase("goes_on", job=name, host=found.host))
        return True
    if to is None:
        note(phrase("go_on_elsewhere", job=name))
        return True
    try:
        request, target = client.move_on(job, to)
        client.settle(request, 30)
    except LtError as error:
        note(f"{name}: {say(error).message}")
        return False
    note(phrase("goes_on", job=name, host=target))
    return True


def _is_over(leaving: Leaving) -> bool:
    """It may go; or nothing runs any more, and whatever is not at home has failed to come."""
    return leaving.may_go or (not leaving.alive and len(leaving.failed) == len(leaving.missing))


def away(client: Client, host: str) -> str:
    """That the host does not answer now, and why; nothing of one that does."""
    reach = client.reachability().get(host)
    if reach is None or reach.error is None:
        return ""
    return phrase("drain_away", host=host, why=say(reach.error).message.rstrip(".。"))


def _tell_progress(leaving: Leaving, before: str, absent: str) -> str:
    told = phrase("drain_left", host=leaving.host, jobs=len(leaving.alive), checkpoints=len(leaving.missing))
    told = f"{told}\n{absent}" if absent else told
    if told != before:
        note(told)
    return told


def _tell(leaving: Leaving, as_json: bool) -> int:
    if as_json:
        emit_json({"host": leaving.host, "may_go": leaving.may_go, "leaving": leaving})
        return 0 if leaving.may_go else 1
    for job in leaving.alive:
        emit(f"{job.name}  {state(job.state)}")
    for job, item in leaving.missing:
        why = say(item.error).message if item.error else state(item.pull_state)
        emit(f"{job.name}/{item.name}  {why}")
    if leaving.may_go:
        note(phrase("may_go", host=leaving.host, checkpoints=leaving.home, size=leaving.size))
        return 0
    note(phrase("may_not_go", host=leaving.host, jobs=len(leaving.alive), checkpoints=len(leaving.missing)))
    return 1
