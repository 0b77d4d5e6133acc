"""Hosts that one is done with: draining, giving up, making room; and a port of a host on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lt_controller.client.words import LtError

from .i18n import _
from .terminal import run_lt
from .text import Span, phrase, said, sign, size, state_word

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from lt_controller.client import Client
    from lt_controller.client.details import Clearable, Leaving

    from .app import LtApp

Line = tuple[Span, ...]
_SHOWN = 12  # lines of a question
_WAIT_SECONDS = 60.0  # for a job to be known as lost, before it goes on elsewhere


def leave_host(app: LtApp, name: str) -> None:
    """Draining a host, giving it up, opening it again; asked, with what that means for its jobs."""
    app.run_worker(_told(app, _leave(app, name)), group="hosts", exit_on_error=False)


def clear_host(app: LtApp, name: str) -> None:
    """Deletes what is safe to delete on a host, after showing what that is."""
    app.run_worker(_told(app, _clear(app, name)), group="hosts", exit_on_error=False)


def forward_port(app: LtApp, place: str) -> None:
    """Asks for a port of a host or of a job's host, and brings it here for as long as one looks at that."""
    from .widgets.asking import Ask

    def typed(text: str | None) -> None:
        if text and text.strip():
            run_lt(app, ["forward", place, text.strip()])

    note = _("Such as 6006, or 8000:18000 for another port here. Ctrl+C ends it.")
    app.push_screen(Ask(_("Which port of {host}?", host=place), "6006", note), typed)


async def _told(app: LtApp, work: Awaitable[None]) -> None:
    try:
        await work
    except LtError as error:
        app.refuse(error)


async def _leave(app: LtApp, name: str) -> None:
    from .widgets.dialogs import Choose

    ways = [
        ("drain", _("drain: nothing new goes there, what runs may finish, all comes home")),
        ("save", _("drain now: what runs or waits is paused, saved first")),
        ("look", _("how far it is: what still runs, what is not at home yet")),
        ("retire", _("give it up: what has not ended counts as lost")),
        ("open", _("open it again: jobs may go there")),
    ]
    way = await app.push_screen_wait(Choose(_("Done with {host}?", host=name), ways))
    if way in ("drain", "save"):
        await _drain(app, name, save=way == "save")
    elif way == "look":
        await _show(app, await app.ask(lambda client: client.leaving(name)))
    elif way == "retire":
        await _retire(app, name)
    elif way == "open":
        await app.ask(lambda client: client.reopen_host(name))
        app.tell(phrase("host_open", host=name))


async def _drain(app: LtApp, name: str, *, save: bool) -> None:
    from .widgets.dialogs import Confirm

    leaving = await app.ask(lambda client: client.leaving(name))
    question = _("Drain {host}? Nothing new goes there; what runs may finish.", host=name)
    if save:
        question = _("Drain {host} now? What runs or waits there is paused, saved first.", host=name)
    if await app.push_screen_wait(Confirm(question, _names(leaving))):
        await _show(app, await app.ask(lambda client: client.drain_host(name, save=save)))


async def _show(app: LtApp, leaving: Leaving) -> None:
    from .widgets.dialogs import Tell

    await app.push_screen_wait(Tell(_("Done with {host}?", host=leaving.host), leaving_lines(leaving)))


async def _retire(app: LtApp, name: str) -> None:
    from .widgets.dialogs import Choose, Confirm

    leaving = await app.ask(lambda client: client.leaving(name))
    to: str | None = ""
    if leaving.alive:
        others = [info.name for info in app.fleet.hosts if info.name != name] if app.fleet else []
        ways = [("", _("nowhere for now: r on a job goes on with it later")), ("any", "any"), *((n, n) for n in others)]
        to = await app.push_screen_wait(Choose(_("Where do its jobs go on?"), ways))
        if to is None:
            return
    lines = [*_names(leaving)[:_SHOWN]]
    if leaving.missing:
        lines.append(_("On it alone, and given up with it:"))
        lines += [f"  {job.name}/{item.name}  {size(item.size)}" for job, item in leaving.missing[:_SHOWN]]
    question = _("Give up {host} for good? What has not ended there counts as lost.", host=name)
    if not await app.push_screen_wait(Confirm(question, lines)):
        return
    stays = await app.ask(lambda client: _given_up(client, leaving, to or ""))
    app.tell(phrase("host_given_up", host=name, count=len(leaving.alive)), "\n".join(stays))


def _given_up(client: Client, leaving: Leaving, to: str) -> list[str]:
    """Gives the host up and goes on elsewhere, if that is wanted; why some jobs do not."""
    client.retire_host(leaving.host, force=bool(leaving.missing))
    for job in leaving.alive:
        client.wait(job.id, timeout=_WAIT_SECONDS)
    stays = []
    for job in leaving.alive if to else ():
        try:
            client.settle(client.move_on(job.id, to)[0], 30)
        except LtError as error:
            stays.append(f"{job.name}: {said(error).message}")
    return stays


async def _clear(app: LtApp, name: str) -> None:
    from .widgets.dialogs import Confirm, Tell

    app.tell(_("Looking at {host} …", host=name))
    found = await app.ask(lambda client: client.clearable(name))
    safe = [item for item in found if item.safe]
    if not safe:
        lines: list[Line] = [((line, "dim"),) for line in _clearable_lines(found)]
        await app.push_screen_wait(Tell(phrase("gc_nothing", host=name), lines))
        return
    total = size(sum(item.size for item in safe))
    question = _("Delete {count} things on {host}, {size}?", count=len(safe), host=name, size=total)
    if not await app.push_screen_wait(Confirm(question, _clearable_lines(safe))):
        return
    left = await app.ask(lambda client: client.clear(name, safe))
    gone = [item for item in safe if item not in left]
    app.tell(phrase("gc_done", host=name, count=len(gone), size=sum(item.size for item in gone)))


def leaving_lines(leaving: Leaving) -> list[Line]:
    """What still holds a host, and whether it may go."""
    lines: list[Line] = []
    for job in leaving.alive:
        mark, colour = sign(job.state)
        lines.append(((f"{mark} ", colour), (f"{job.name}  ", "bold"), (state_word(job.state), "dim")))
    for job, item in leaving.missing:
        why = said(item.error).message if item.error else state_word(item.pull_state)
        lines.append(((f"{job.name}/{item.name}  ", ""), (why, "warn" if item.error else "dim")))
    if leaving.may_go:
        told = phrase("may_go", host=leaving.host, checkpoints=leaving.home, size=leaving.size)
        return [*lines, ((told, "ok"),)]
    told = phrase("may_not_go", host=leaving.host, jobs=len(leaving.alive), checkpoints=len(leaving.missing))
    return [*lines, ((told, "warn"),)]


def _names(leaving: Leaving) -> list[str]:
    return _some([f"{job.name}   {state_word(job.state)}" for job in leaving.alive])


def _clearable_lines(items: Sequence[Clearable]) -> list[str]:
    named = [f"{size(item.size):>9}  {_(item.kind)} {item.name[:32]}" for item in items]
    why = [phrase(f"gc_{item.why}") for item in items]
    return _some([f"{name}  {told}" for name, told in zip(named, why, strict=True)])


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], _("and {count} more", count=more)]
