"""Logging in from the screen: what a host asks, asked here, in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lt_controller.client.words import LtError

from .i18n import _

if TYPE_CHECKING:
    from lt_controller.client.prompts import Answer, LoginQuestion

    from .app import LtApp


def log_in(app: LtApp, name: str) -> None:
    """Connects to a host that wants an answer of a person; answers stay in the controller's memory."""

    async def run() -> None:
        answer = answerer(app)
        try:
            result = await app.ask(lambda client: client.login(name, answer))
        except LtError as error:
            app.refuse(error)
            return
        once = _("What was typed works only once, so nothing was kept.") if result.once else ""
        app.tell(_("{host}: logged in.", host=name), once)

    app.run_worker(run(), group="login", exit_on_error=False)


def answerer(app: LtApp) -> Answer:
    """What a thread of the client calls with each question; it waits there until a person has answered."""

    def answer(question: LoginQuestion) -> Sequence[str] | None:
        asked: Any = _asked
        given: Sequence[str] | None = app.call_from_thread(asked, app, question)
        return given

    return answer


async def _asked(app: LtApp, question: LoginQuestion) -> list[str] | None:
    from .widgets.asking import Ask

    head = {
        "password": _("Password of {target}", target=question.target),
        "passphrase": _("Passphrase of {key}", key=question.key),
    }.get(question.kind, "\n".join(filter(None, (question.target, question.title))))  # who asks comes before its words
    note = "\n".join(filter(None, (_("That was wrong: once more.") if question.again else "", question.instructions)))
    given: list[str] = []
    for prompt in question.prompts:
        future: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        def done(text: str | None, future: asyncio.Future[Any] = future) -> None:
            if not future.done():
                future.set_result(text)

        text = f"{head}\n{prompt.text}" if prompt.text else head
        app.push_screen(Ask(text, "", note, secret=not prompt.echo), done)
        typed = await future
        if typed is None:
            return None
        given.append(typed)
    return given
