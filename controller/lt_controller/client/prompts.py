"""What a host asks at a login, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class LoginPrompt:
    """One thing that is asked, in the server's words. What is typed may be shown only where `echo` says so."""

    text: str
    echo: bool = False


@dataclass(frozen=True)
class LoginQuestion:
    """What a login asks at once. Texts come from the server: make them safe before a terminal.

    `kind` is `password`, `passphrase` (of `key`, a file) or `interactive`; the first two have one prompt without text.
    `again`: the answer before this one was wrong.
    """

    host: str
    target: str
    kind: str
    prompts: tuple[LoginPrompt, ...]
    title: str = ""
    instructions: str = ""
    key: str = ""
    again: bool = False


#: Answers a question, one text for each prompt; None breaks the login off.
Answer = Callable[[LoginQuestion], "Sequence[str] | None"]


@dataclass(frozen=True)
class LoginResult:
    """How a login went. `asked`: a person was; `once`: an answer works only once, so nothing was kept; `kept`:
    `memory` (of the controller), `keyring`, or nothing."""

    asked: bool
    once: bool
    kept: str


@dataclass(frozen=True)
class InstalledKey:
    """A key that logs in to a host now: its file here, and whether the host had it already."""

    key: str
    there: bool
