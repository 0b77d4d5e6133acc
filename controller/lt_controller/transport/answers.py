"""Who answers when a login asks: a person at a terminal, what is remembered of them, or nobody.

The transport only knows this border. The engine puts its memory and the way to a person's terminal behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

PASSWORD, PASSPHRASE, INTERACTIVE = "password", "passphrase", "interactive"


@dataclass(frozen=True)
class Prompt:
    """One thing that is asked, as the server words it. `echo`: what is typed may be seen."""

    text: str
    echo: bool = False


@dataclass(frozen=True)
class Question:
    """What a login asks at once: a host's password, a key's passphrase, or one round of keyboard-interactive.

    `prompts` is what to answer, in order; for the first two kinds it is one prompt without a text. All texts are the
    server's, as they came: whoever shows them makes them safe.
    """

    host: str
    target: str  # user@address:port
    kind: str  # PASSWORD, PASSPHRASE or INTERACTIVE
    prompts: tuple[Prompt, ...] = (Prompt(""),)
    title: str = ""
    instructions: str = ""
    key: str = ""  # the key's file, for a passphrase
    again: bool = False  # the answer before this one was wrong


class Answers(Protocol):
    """Where a login gets its answers from. `ask` is only called where `present` is true."""

    @property
    def present(self) -> bool:
        """Whether a person can be asked now."""

    def ask(self, question: Question) -> Sequence[str]:
        """An answer for each prompt. Raises LtError `login_cancelled`, `login_unanswered`."""

    def recall(self, slot: str) -> str | None:
        """What let us in before, if it was kept."""

    def keep(self, slot: str, secret: str) -> None:
        """This let us in, and will again."""

    def forget(self, slot: str) -> None:
        """This is wrong by now, or works only once."""


class Nobody:
    """No person, no memory: only keys log in."""

    present = False

    def ask(self, question: Question) -> Sequence[str]:
        """Never called, since nobody is present. Raises LtError `login_needed`."""
        raise LtError("login_needed", host=question.host)

    def recall(self, slot: str) -> str | None:
        """Nothing."""
        return None

    def keep(self, slot: str, secret: str) -> None:
        """Nothing is kept."""

    def forget(self, slot: str) -> None:
        """Nothing is known."""


def slot_of(kind: str, hop: Host) -> str:
    """The name under which an answer is remembered: the account and address, since names of hosts can change."""
    return f"{kind} {hop.user or ''}@{hop.address}:{hop.port}"


def passphrase_slot(path: str) -> str:
    """The name under which a key's passphrase is remembered."""
    return f"{PASSPHRASE} {path}"
