"""What a person answered to logins: asked over the socket, kept in this process, or, if they say so, in the keyring.

Nothing here is written to a file of ours but the names of what the keyring holds, and nothing is put into an argv,
an environment or a log.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import read_json, write_json
from lt_inventory.model import Host

from .. import keychain
from ..home import Home
from ..transport.answers import INTERACTIVE, PASSWORD, Question, passphrase_slot, slot_of
from ..transport.route import route

KEPT_FOR = 12 * 3600.0  # seconds without use after which an answer is forgotten
ANSWER_LIMIT = 110.0  # seconds to answer; most servers hang up 120 after the connection was made

#: Puts a question to a person; the answers, or None if they would not. Raises TimeoutError, OSError.
Ask = Callable[[dict[str, Any], float], "list[str] | None"]


class Memory:
    """The answers that let us in, by slot (`transport.answers.slot_of`). Safe for several threads."""

    def __init__(self, home: Home) -> None:
        self._file = home.path / "remembered.json"
        self._kept: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def holds(self) -> bool:
        """Whether anything is kept that would be lost with this process. What was not used for long is dropped."""
        limit = time.time() - KEPT_FOR
        with self._lock:
            self._kept = {slot: entry for slot, entry in self._kept.items() if entry[1] > limit}
            kept = set(self._kept)
        return bool(kept) and bool(kept - self._remembered())

    def recall(self, slot: str) -> str | None:
        """What is kept under the slot, here or in the keyring."""
        secret = self._here(slot)
        if secret is None and slot in self._remembered():
            secret = keychain.get(slot)
        if secret is not None:
            self.keep(slot, secret)
        return secret

    def keep(self, slot: str, secret: str) -> None:
        """Keeps it for as long as this process lives."""
        with self._lock:
            self._kept[slot] = (secret, time.time())

    def touch(self, slots: Iterable[str]) -> None:
        """They are in use: a connection that they made stands."""
        with self._lock:
            for slot in slots:
                if slot in self._kept:
                    self._kept[slot] = (self._kept[slot][0], time.time())

    def remember(self, slot: str) -> None:
        """Puts what is kept under the slot into the keyring. Raises LtError `no_keyring`, `keyring_failed`."""
        secret = self._here(slot)
        if secret is not None:
            keychain.put(slot, secret)  # outside the lock: the keyring may ask the person to unlock it
            with self._lock:
                self._write(self._remembered() | {slot})

    def in_keyring(self, slots: Iterable[str]) -> bool:
        """Whether all of them are in the keyring, too."""
        return self._remembered().issuperset(slots)

    def forget(self, slot: str) -> None:
        """Drops it here and in the keyring. Raises LtError `no_keyring`, `keyring_failed`."""
        with self._lock:
            self._kept.pop(slot, None)
        if slot in self._remembered():
            keychain.drop(slot)
            with self._lock:
                self._write(self._remembered() - {slot})

    def forget_all(self, slots: Iterable[str]) -> None:
        """As `forget`, for each."""
        for slot in slots:
            self.forget(slot)

    def _here(self, slot: str) -> str | None:
        with self._lock:
            entry = self._kept.get(slot)
        return entry[0] if entry is not None else None

    def _remembered(self) -> set[str]:
        """The slots in the keyring. It is asked for nothing else, since it may open a window of its own."""
        try:
            found = read_json(self._file)
        except (OSError, ValueError):
            return set()
        return {slot for slot in found if isinstance(slot, str)} if isinstance(found, list) else set()

    def _write(self, slots: set[str]) -> None:
        write_json(self._file, sorted(slots))


class Answerer:
    """The `Answers` of one login: the memory, and the person behind `ask` if there is one."""

    def __init__(self, memory: Memory, ask: Ask | None = None) -> None:
        self._memory = memory
        self._ask = ask

    @property
    def present(self) -> bool:
        """Whether a person can be asked now."""
        return self._ask is not None

    def ask(self, question: Question) -> Sequence[str]:
        """Puts it to the person. Raises LtError `login_cancelled`, `login_unanswered`, `login_needed`."""
        if self._ask is None:
            raise LtError("login_needed", host=question.host)
        try:
            answers = self._ask(asdict(question), ANSWER_LIMIT)
        except TimeoutError:
            raise LtError("login_unanswered", host=question.host, seconds=ANSWER_LIMIT) from None
        except OSError:
            answers = None  # the terminal is gone
        if answers is None or len(answers) != len(question.prompts):
            raise LtError("login_cancelled", host=question.host)
        return answers

    def recall(self, slot: str) -> str | None:
        """As `Memory.recall`."""
        return self._memory.recall(slot)

    def keep(self, slot: str, secret: str) -> None:
        """As `Memory.keep`."""
        self._memory.keep(slot, secret)

    def forget(self, slot: str) -> None:
        """As `Memory.forget`; a keyring that won't delete must not stop a login."""
        try:
            self._memory.forget(slot)
        except LtError:
            return


def slots_to(host: Host, home: Home) -> list[str]:
    """Every name under which an answer to a login on the way to `host` may be kept. Raises LtError `bad_jump`."""
    found: list[str] = []
    for hop in route(host, home):
        found += [slot_of(PASSWORD, hop), slot_of(INTERACTIVE, hop)]
        if hop.key is not None:
            found.append(passphrase_slot(str(Path(hop.key).expanduser())))
    return found
