"""What every Transport promises, held against SSH and against this machine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home
from lt_controller.transport import Transport, transport_for
from lt_controller.transport.remote import script
from lt_inventory.model import local_host
from support.sshd import SshHost
from support.wait import until


@pytest.fixture(params=["ssh", "local"])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Transport]:
    if request.param == "ssh":
        ssh: SshHost = request.getfixturevalue("shared_host")
        made = transport_for(ssh.host, ssh.home)
    else:
        made = transport_for(local_host(), Home(tmp_path / "lt"))
    made.connect()
    yield made
    made.close()


ODD_WORDS = [
    "",
    " ",
    "a b",
    "it's",
    '"x"',
    "$HOME",
    "`id`",
    "\\",
    "a\\'b",
    "!",
    "new\nline",
    "tab\t",
    "ü中",
    "-n",
    "*",
    "~",
]


def test_every_argument_arrives_as_it_is(transport: Transport) -> None:
    done = transport.run(script("printf '%s\\0' \"$@\"", *ODD_WORDS))
    assert done.exit == 0
    assert done.stdout.decode().split("\0")[:-1] == ODD_WORDS


def test_output_error_and_exit_code_are_kept_apart(transport: Transport) -> None:
    done = transport.run(script("echo out; echo err >&2; exit 7"))
    assert (done.exit, done.stdout, done.stderr) == (7, b"out\n", b"err\n")


def test_a_program_that_is_missing_exits_127(transport: Transport) -> None:
    assert transport.run(["/no/such/program"]).exit == 127


def test_large_input_and_output_pass_unchanged(transport: Transport) -> None:
    data = bytes(range(256)) * 40_000
    assert transport.run(["cat"], input=data, timeout=60).stdout == data


def test_a_command_that_takes_too_long_is_given_up(transport: Transport) -> None:
    with pytest.raises(LtError) as caught:
        transport.run(["sleep", "60"], timeout=0.3)
    assert caught.value.code == "command_timeout"


def test_a_stream_carries_both_ways_until_its_input_ends(transport: Transport) -> None:
    stream = transport.open(["cat"])
    stream.sendall(b"first\n")
    assert stream.recv() == b"first\n"
    stream.sendall(b"second\n")
    assert stream.recv() == b"second\n"
    stream.close_input()
    assert stream.recv() == b""
    assert stream.exit_status() == 0
    stream.close()


def test_close_wakes_a_thread_that_waits_for_bytes(transport: Transport) -> None:
    stream = transport.open(["sleep", "60"])
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(stream.recv()))
    reader.start()
    stream.close()
    reader.join(timeout=10)
    assert got == [b""]


def test_standard_error_of_a_stream_is_kept_by_its_tail(transport: Transport) -> None:
    stream = transport.open(script("head -c 100000 /dev/zero >&2; echo the end >&2; echo done"))
    assert stream.recv() == b"done\n"
    assert stream.recv() == b""
    assert until(lambda: stream.stderr().endswith(b"the end\n"))
    assert len(stream.stderr()) <= 8192


def test_streams_and_commands_run_side_by_side(transport: Transport) -> None:
    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(transport.run(["printf", str(n)]).stdout)) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [str(n).encode() for n in range(8)]


def test_commands_that_end_at_once_never_cost_the_connection(transport: Transport) -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # threads meet between any two lines
    try:
        with ThreadPoolExecutor(8) as pool:
            for given in (b"", b"unread"):
                codes = pool.map(lambda n, given=given: transport.run(["test", str(n)], input=given).exit, range(300))
                assert set(codes) == {0}
    finally:
        sys.setswitchinterval(usual)


def test_a_command_may_leave_input_unread_and_keeps_its_exit_code(transport: Transport) -> None:
    done = transport.run(script("read first; echo $first; exit 3"), input=b"one\n" + bytes(3_000_000))
    assert (done.exit, done.stdout) == (3, b"one\n")


def test_a_long_stream_is_read_fast(transport: Transport) -> None:
    size = 100_000_000
    stream = transport.open(["head", "-c", str(size), "/dev/zero"])
    began, count = time.monotonic(), 0
    while data := stream.recv(1 << 18):
        count += len(data)
    assert count == size
    assert time.monotonic() - began < 100  # a fifth of a second on an idle machine; line by line it takes minutes


def test_after_close_it_is_not_alive_and_says_so(transport: Transport) -> None:
    assert transport.alive()
    transport.close()
    assert not transport.alive()
    with pytest.raises(LtError) as caught:
        transport.open(["true"])
    assert caught.value.code == "host_unreachable"
