"""What people answer to logins: asked over the socket, kept in memory, in a keyring that is one, or not at all."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from lt_agent.protocol.errors import LtError
from lt_controller import keychain
from lt_controller.engine import answers
from lt_controller.engine.answers import Answerer, Memory, slots_to
from lt_controller.engine.server import Server
from lt_controller.home import Home
from lt_controller.transport.answers import Prompt, Question
from lt_inventory.model import Host
from support.sshd import short_folder as short_folder

QUESTION = Question("lab", "me@lab", "interactive", (Prompt("Code: "), Prompt("Why? ", True)))


class Ring(KeyringBackend):
    """A keyring that lives as long as the test."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


class PlainText(Ring):
    """What keeps secrets readable in a file says so by its module."""


PlainText.__module__ = "keyrings.alt.file"


@pytest.fixture
def ring() -> Iterator[Ring]:
    before, made = keyring.get_keyring(), Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "lt").make()


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring, PlainText])
def test_what_keeps_nothing_or_keeps_it_readable_is_no_keyring(ring: Ring, backend: type[KeyringBackend]) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(LtError) as caught:
        keychain.put("slot", "secret")
    assert caught.value.code == "no_keyring"
    assert keychain.get("slot") is None


def test_an_answer_is_kept_in_memory_and_only_on_request_in_the_keyring(home: Home, ring: Ring) -> None:
    memory = Memory(home)
    memory.keep("slot", "hush")
    assert memory.recall("slot") == "hush" and memory.holds() and not ring.held
    memory.remember("slot")
    assert list(ring.held.values()) == ["hush"] and not memory.holds()
    assert Memory(home).recall("slot") == "hush"
    assert "hush" not in "".join(path.read_text() for path in home.path.rglob("*") if path.is_file())
    Memory(home).forget("slot")
    assert not ring.held and Memory(home).recall("slot") is None


def test_a_keyring_is_not_asked_for_what_it_was_never_given(home: Home, ring: Ring) -> None:
    ring.held["labtrain", "slot"] = "left by somebody"
    assert Memory(home).recall("slot") is None


def test_what_was_not_used_for_long_is_dropped(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(home)
    memory.keep("slot", "hush")
    monkeypatch.setattr(answers, "KEPT_FOR", -1.0)
    assert not memory.holds() and memory.recall("slot") is None


def test_every_hop_and_key_on_the_way_has_its_slots(home: Home) -> None:
    host = Host("lab", "lab.example", user="me", key="/k", jump=("you@gate.example",))
    slots = slots_to(host, home)
    assert "passphrase /k" in slots
    assert {"password me@lab.example:22", "password you@gate.example:22"} <= set(slots)


def test_a_question_goes_to_whoever_sent_the_request(home: Home, short_folder: Path) -> None:
    seen: list[Any] = []

    def conversing(request: dict[str, Any], ask: Any) -> Any:
        return list(Answerer(Memory(home), ask).ask(QUESTION))

    server = Server(short_folder / "s", lambda request: seen.append(request), conversing)
    try:
        with talk(short_folder / "s") as (lines, send):
            send({"id": 7, "op": "login", "answers": True})
            asked = json.loads(lines.readline())
            assert asked["id"] == 7
            assert [(prompt["text"], prompt["echo"]) for prompt in asked["ask"]["prompts"]] == [
                ("Code: ", False),
                ("Why? ", True),
            ]
            send({"id": 7, "answer": ["123", "ü"]})
            assert json.loads(lines.readline()) == {"id": 7, "ok": True, "result": ["123", "ü"]}
        for answer in (None, ["too few"], [1, 2], "text"):
            with talk(short_folder / "s") as (lines, send):
                send({"id": 8, "op": "login", "answers": True})
                lines.readline()
                send({"id": 8, "answer": answer})
                assert json.loads(lines.readline())["error"]["code"] == "login_cancelled"
        assert not seen
    finally:
        server.close()


def test_nobody_at_the_terminal_ends_the_wait(home: Home, short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "ANSWER_LIMIT", 0.05)
    server = Server(
        short_folder / "s", lambda request: None, lambda request, ask: Answerer(Memory(home), ask).ask(QUESTION)
    )
    try:
        with talk(short_folder / "s") as (lines, send):
            send({"id": 1, "op": "login", "answers": True})
            lines.readline()
            assert json.loads(lines.readline())["error"]["code"] == "login_unanswered"
    finally:
        server.close()


class talk:
    """A connection to the socket: its lines, and a function that sends one."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        self._socket.connect(os.fspath(path))

    def __enter__(self) -> tuple[Any, Any]:
        return self._socket.makefile("rb"), lambda value: self._socket.sendall(json.dumps(value).encode() + b"\n")

    def __exit__(self, *exc: object) -> None:
        self._socket.close()
