"""Questions of a login on the terminal: in the server's words, made safe, hidden unless it says otherwise."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from lt_agent.protocol.errors import LtError

from ..client.prompts import Answer, LoginPrompt, LoginQuestion, LoginResult
from ..display import safe
from ..wording import phrase
from .output import note


def person() -> Answer | None:
    """Whoever sits at this terminal, or None where there is none."""
    return ask if sys.stdin.isatty() else None


def somebody(host: str) -> Answer:
    """As `person`, where one is needed. Raises LtError `login_no_terminal` as soon as something is asked."""

    def refuse(question: LoginQuestion) -> Sequence[str]:
        raise LtError("login_no_terminal", host=question.host)

    return person() or refuse


def ask(question: LoginQuestion) -> Sequence[str] | None:
    """Prints what is asked and reads the answers; None after Ctrl-C or at the end of the input."""
    if question.again:
        note(phrase("ask_again"))
    if question.kind == "interactive":
        note(phrase("ask_host", host=question.host, target=question.target))
        for text in (question.title, question.instructions):
            for line in text.strip().splitlines():
                note("  " + safe(line))
    try:
        return [_read(_words(question, prompt), prompt.echo) for prompt in question.prompts]
    except (click.Abort, EOFError, KeyboardInterrupt):
        click.echo("", err=True)
        return None


def tell(host: str, result: LoginResult, *, remember: bool = False) -> None:
    """What became of the answers."""
    if not result.asked and not result.kept and not result.once:
        note(phrase("login_by_key"))
    elif result.once:
        note(phrase("login_once", host=host))
        if remember:
            note(phrase("login_once_remember"))
    elif result.kept:
        note(phrase(f"login_kept_{result.kept}", host=host))


def _words(question: LoginQuestion, prompt: LoginPrompt) -> str:
    if question.kind == "interactive":
        # Who asks stands before what it asks: a server could ask for the passphrase of a key, in ssh's own words.
        return f"({safe(question.target)}) {safe(prompt.text.strip())} ".replace(")  ", ") ")
    return phrase(f"ask_{question.kind}", target=question.target, path=question.key)


def _read(words: str, echo: bool) -> str:
    # An empty answer is an answer: some servers send a code when they get one.
    value = click.prompt(words, default="", show_default=False, prompt_suffix="", hide_input=not echo, err=True)
    return str(value)
