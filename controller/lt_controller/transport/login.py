"""One login, by every way that the server offers, in OpenSSH's order: keys, its own questions, a password.

Source of the protocol: RFC 4252 (authentication, partial success), RFC 4256 (keyboard-interactive).
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator, Sequence

import paramiko

from lt_agent.protocol.errors import LtError
from lt_inventory.model import Host

from .answers import INTERACTIVE, PASSWORD, Answers, Nobody, Prompt, Question, slot_of
from .dial import unreachable
from .keys import TRIES, Key, locked_keys, own_key, usual_keys

ANSWER_LIMIT = 600.0  # seconds that a login with a person in it may take; most servers hang up after 120
MAX_ROUNDS = 20  # of questions in one try: a server that asks for ever is left
_KEYS, _QUESTIONS = "publickey", "keyboard-interactive"


class Login:
    """Logs in to one hop; what paramiko calls an auth strategy.

    Afterwards `alone` says whether OpenSSH could do the same without a person, `asked` whether one was asked, `once`
    whether that will be necessary each time, and `slots` under which names the answers were kept. An answer is kept
    if the same one will do again: a password, also one that the server asks for in words of its own. Where a login
    took a further factor, nothing is kept.
    """

    def __init__(self, hop: Host, answers: Answers | None = None) -> None:
        self.alone = True
        self.asked = False
        self.slots: list[str] = []
        self._hop = hop
        self._answers: Answers = answers or Nobody()
        self._user = hop.user or getpass.getuser()
        self._own: Key | None = None
        self._offered: list[str] | None = None  # what may be tried; None until the server has said it
        self._factors = 0  # passed so far, of a login that needs several
        self._given: list[tuple[str, str]] = []  # (slot, secret) that was accepted in this login
        self.once = False  # something was answered that will be another the next time

    def prepare(self) -> None:
        """Reads the host's own key before anything is sent. Raises as `keys.own_key`."""
        if self._hop.key is not None:
            self._own = own_key(self._hop, self._watched())

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Logs in. Raises LtError `login_failed` (keys alone are let in, and none of ours), `login_needed` (a person
        has to answer), `login_wrong`, `login_closed`, and what asking raises."""
        # A key of the host's own is tried at once; else it pays to know first what is worth trying.
        if self._own is None and self._ask_for_ways(transport) == []:
            return
        keys = self._keys()
        spent: set[str] = set()
        while True:
            left = self._by_key(transport, keys)
            if left is None:
                left = self._by_answers(transport, spent)
            if left is None:
                raise self._refused(transport)
            if not left:
                break
            self._factors += 1
            self._offered = left
        self._keep()

    # Keys

    def _keys(self) -> Iterator[Key]:
        # With a key of its own nothing else is tried: an agent full of keys would use up the tries a server allows.
        if self._own is not None:
            yield self._own
            return
        yield from usual_keys(self._hop)
        if not {PASSWORD, _QUESTIONS} & set(self._offered or ()):
            yield from locked_keys(self._hop, self._watched())

    def _by_key(self, transport: paramiko.Transport, keys: Iterator[Key]) -> list[str] | None:
        """What is left to do after a key was let in; None if none was."""
        if self._offered is not None and _KEYS not in self._offered:
            return None
        for key in keys:
            left = self._try(transport, lambda key=key: transport.auth_publickey(self._user, key.key))  # type: ignore[misc]
            if left is not None:
                if key.slot is not None:
                    self.alone = False
                    self.slots.append(key.slot)
                return left
            if self._offered is None:
                self._ask_for_ways(transport)
            if not transport.is_active():
                return None
        return None

    def _ask_for_ways(self, transport: paramiko.Transport) -> list[str] | None:
        """Learns what the server offers; an empty list if it lets us in just so."""
        try:
            transport.auth_none(self._user)
        except paramiko.BadAuthenticationType as answer:
            self._offered = list(answer.allowed_types)
            return None
        except (paramiko.SSHException, OSError, EOFError):
            self._offered = []
            return None
        return []

    # Answers

    def _by_answers(self, transport: paramiko.Transport, spent: set[str]) -> list[str] | None:
        for method, way in ((_QUESTIONS, self._by_questions), (PASSWORD, self._by_password)):
            if method in (self._offered or ()) and method not in spent:
                left = way(transport)
                if left is not None:
                    if method == PASSWORD:
                        spent.add(method)
                    return left
                spent.add(method)
        return None

    def _by_password(self, transport: paramiko.Transport) -> list[str] | None:
        slot = slot_of(PASSWORD, self._hop)
        kept = self._answers.recall(slot)
        if kept is not None:
            left = self._try(transport, lambda: transport.auth_password(self._user, kept, fallback=False))
            if left is not None:
                return self._accepted(left, [(slot, kept)], once=False)
            self._answers.forget(slot)
        if not self._answers.present:
            return None
        for number in range(TRIES):
            (given,) = self._ask(Question(self._hop.name, self._hop.target, PASSWORD, again=number > 0))
            left = self._try(transport, lambda given=given: transport.auth_password(self._user, given, fallback=False))  # type: ignore[misc]
            if left is not None:
                return self._accepted(left, [(slot, given)], once=False)
            self._check_open(transport)
        raise self._wrong()

    def _by_questions(self, transport: paramiko.Transport) -> list[str] | None:
        slot = slot_of(INTERACTIVE, self._hop)
        kept = self._answers.recall(slot) if not self._factors else None
        if kept is None and not self._answers.present:
            return None
        number = 0
        while number < TRIES:
            rounds = _Rounds(self._hop, self._ask if self._answers.present else None, kept, again=number > 0)
            before = transport.auth_timeout
            transport.auth_timeout = ANSWER_LIMIT if self._answers.present else before
            try:
                left = self._try(
                    transport,
                    lambda rounds=rounds: transport.auth_interactive(self._user, rounds.answer),  # type: ignore[misc]
                )
            finally:
                transport.auth_timeout = before
            if left is not None:
                secret = rounds.only_secret()
                once = secret is None or self._factors > 0
                return self._accepted(left, [(slot, secret)] if secret is not None else [], once=once)
            if rounds.recalled:
                self._answers.forget(slot)
                kept = None
                if not self._answers.present:
                    return None
            elif not rounds.given:
                return None  # it has nothing to ask: no such service there
            else:
                number += 1
            self._check_open(transport)
        raise self._wrong()

    def _ask(self, question: Question) -> Sequence[str]:
        self.asked = True
        return self._answers.ask(question)

    def _watched(self) -> Answers:
        return _Watched(self._answers, self._ask)

    def _accepted(self, left: list[str], given: list[tuple[str, str]], *, once: bool) -> list[str]:
        self.alone = False
        self._given += given
        self.once = self.once or once
        return left

    def _keep(self) -> None:
        """Keeps what will let us in again, all of it or, where one part works only once, none."""
        for slot, secret in self._given:
            if self.once:
                self._answers.forget(slot)
            else:
                self._answers.keep(slot, secret)
                self.slots.append(slot)

    # How it went

    def _try(self, transport: paramiko.Transport, call: Callable[[], list[str]]) -> list[str] | None:
        """What the server wants after this, nothing more if we are in; None if it said no."""
        try:
            return call()
        except paramiko.BadAuthenticationType as answer:
            self._offered = list(answer.allowed_types)
        except paramiko.AuthenticationException:
            return None
        except (paramiko.SSHException, OSError, EOFError):
            # An agent that won't sign, say: the next key may do. A connection that has gone is seen by its state.
            return None
        return None

    def _check_open(self, transport: paramiko.Transport) -> None:
        if not transport.is_active():
            raise LtError("login_closed", host=self._hop.name, user=self._user)

    def _wrong(self) -> LtError:
        return LtError("login_wrong", host=self._hop.name, user=self._user, tries=TRIES)

    def _refused(self, transport: paramiko.Transport) -> LtError:
        methods = self._offered or []
        told = {"host": self._hop.name, "user": self._user, "methods": methods}
        if not methods:
            why = "timeout" if transport.is_active() else "connection_lost"
            return unreachable(self._hop.name, self._hop.target, why)
        if not self._answers.present and {PASSWORD, _QUESTIONS} & set(methods):
            return LtError("login_needed", **told)
        return LtError("login_failed", **told)


class _Watched:
    """Answers whose questions go through the login, which takes note of them."""

    def __init__(self, answers: Answers, ask: Callable[[Question], Sequence[str]]) -> None:
        self.present = answers.present
        self.ask = ask
        self.recall = answers.recall
        self.keep = answers.keep
        self.forget = answers.forget


class _Rounds:
    """Answers the rounds of one try of keyboard-interactive."""

    def __init__(
        self, hop: Host, ask: Callable[[Question], Sequence[str]] | None, kept: str | None, *, again: bool
    ) -> None:
        self._hop = hop
        self._ask = ask
        self._kept = kept
        self._again = again
        self._rounds = 0
        self._answers: list[tuple[Prompt, str]] = []
        self.recalled = False  # what was kept has been used

    @property
    def given(self) -> bool:
        """Whether anything was answered."""
        return bool(self._answers)

    def only_secret(self) -> str | None:
        """The one hidden answer of a login that asked for nothing else: a password, whatever the server calls it."""
        if len(self._answers) != 1 or self._answers[0][0].echo:
            return None
        return self._answers[0][1]

    def answer(self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        """Called by paramiko for each round. Raises LtError `login_needed` where nobody can answer."""
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            raise LtError("login_failed", host=self._hop.name, user=self._hop.user, methods=[_QUESTIONS])
        asked = tuple(Prompt(text, bool(echo)) for text, echo in prompts)
        if not asked:
            return []  # a remark only
        kept, self._kept = self._kept, None
        if kept is not None and len(asked) == 1 and not asked[0].echo and not self._answers:
            self.recalled = True
            answers: Sequence[str] = [kept]
        elif self._ask is not None:
            question = Question(
                self._hop.name, self._hop.target, INTERACTIVE, asked, title, instructions, again=self._again
            )
            self._again = False
            answers = self._ask(question)
        else:
            raise LtError("login_needed", host=self._hop.name, user=self._hop.user, methods=[_QUESTIONS])
        self._answers += zip(asked, answers, strict=True)
        return list(answers)
