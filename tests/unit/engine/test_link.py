"""The controller's end of a bridge, against a peer that is wrong, silent, slow or gone."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import MAGIC, Frame, encode
from lt_controller.engine import link
from support.peer import Peer, reply
from support.wait import until


def test_replies_find_their_requests_from_many_threads() -> None:
    peer = Peer(lambda request: reply(request, echo=request.get("word")))
    results: dict[int, str] = {}

    def ask(n: int) -> None:
        results[n] = peer.link.request("echo", word=str(n))["echo"]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == {n: str(n) for n in range(50)}


def test_noise_of_a_login_shell_is_passed_over() -> None:
    peer = Peer(lambda request: reply(request), greeting=b"Welcome to box!\n\x1b[2J" + MAGIC)
    assert peer.link.request("ping") == {}


def test_an_error_of_the_host_is_raised_with_its_code() -> None:
    error = {"code": "job_alive", "params": {"job": "x"}}
    peer = Peer(lambda request: encode({"type": "reply", "id": request["id"], "ok": False, "error": error}))
    with pytest.raises(LtError) as caught:
        peer.link.request("remove")
    assert caught.value.as_dict() == error


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 64, b"\0\0\0\x02\0\0\0\0[]", b"\0\0\0\x02\0\0\0\0{}", b"\0\0\0\x01\0\0\0\0{"],
    ids=["huge frame", "no object", "no type", "no JSON"],
)
def test_garbage_ends_the_link_with_a_reason_and_wakes_who_waits(garbage: bytes) -> None:
    peer = Peer(lambda request: garbage)
    with pytest.raises(LtError, match="host_unreachable"):
        peer.link.request("ping", timeout=10)
    assert peer.ended.wait(5)
    assert "protocol" in str(peer.link.ended)


def test_a_cut_wakes_who_waits_and_refuses_what_comes_after() -> None:
    peer = Peer(lambda request: b"")
    threading.Timer(0.1, lambda: peer.ours.shutdown(socket.SHUT_RDWR)).start()
    for _ in range(2):
        with pytest.raises(LtError, match="host_unreachable"):
            peer.link.request("ping", timeout=10)


def test_a_request_without_answer_times_out_and_leaves_the_link_alone() -> None:
    peer = Peer(lambda request: b"" if request["op"] == "hang" else reply(request))
    with pytest.raises(LtError, match="host_unreachable"):
        peer.link.request("hang", timeout=0.1)
    assert peer.link.request("ping") == {}


def test_frames_that_come_one_byte_at_a_time_are_whole() -> None:
    def dribble(request: dict) -> bytes:
        whole = encode({"type": "stream", "job": "j"}, b"payload") + reply(request)
        for n in range(len(whole) - 1):
            peer.ours.sendall(whole[n : n + 1])
        return whole[-1:]

    peer = Peer(dribble)
    assert peer.link.request("ping") == {}
    assert peer.pushed == [Frame({"type": "stream", "job": "j"}, b"payload")]
    assert json.dumps(peer.pushed[0].header)


def test_the_bridge_hears_of_us_while_one_request_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PING_EVERY", 0.02)
    heard, pinged = [], threading.Event()

    def answer(request: dict) -> bytes:
        heard.append(request["op"])
        if heard.count("ping") >= 3:
            pinged.set()
        return b"" if request["op"] == "remove" else reply(request)

    peer = Peer(answer)
    threading.Thread(target=lambda: (pinged.wait(10), peer.link.close()), daemon=True).start()
    with pytest.raises(LtError, match="was closed"):
        peer.link.request("remove", timeout=30)
    assert pinged.is_set()


def test_a_bridge_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PING_EVERY", 0.02)
    monkeypatch.setattr(link, "SILENT_LIMIT", 0.2)
    peer = Peer(lambda request: b"")
    with pytest.raises(LtError, match="no sign of life"):
        peer.link.request("start", timeout=30)


def test_a_request_that_cannot_be_sent_is_freed_by_the_end_of_the_link() -> None:
    peer = Peer(None)
    caught: list[LtError] = []

    def ask() -> None:
        try:
            peer.link.request("start", spec="x" * (3 << 20))  # more than the kernel takes for a reader that sleeps
        except LtError as error:
            caught.append(error)

    sender, closer = threading.Thread(target=ask, daemon=True), threading.Thread(target=peer.link.close, daemon=True)
    sender.start()
    until(lambda: sent_to(peer.ours) > 0, 10, "the request is under way")
    closer.start()
    closer.join(5)
    sender.join(5)
    assert not closer.is_alive() and not sender.is_alive()
    assert [error.code for error in caught] == ["host_unreachable"]


def test_while_we_are_behind_with_what_came_a_request_waits_on() -> None:
    gate = threading.Event()
    peer = Peer(
        lambda request: encode({"type": "stream", "job": "j"}, b"data") + reply(request),
        on_push=lambda frame: bool(gate.wait(10)),
    )
    threading.Timer(0.5, gate.set).start()
    assert peer.link.request("start", timeout=0.1) == {}


def sent_to(end: socket.socket) -> int:
    """Bytes that wait to be read."""
    return len(end.recv(1 << 16, socket.MSG_PEEK)) - len(MAGIC)
