"""Getting the agent onto a host and its bridge started, without a round trip more than needed."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Mapping
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.frames import MAGIC, MAX_NOISE
from lt_agent.protocol.ulid import new_ulid

from .base import Bulk, Completed, Duplex, Transport
from .bundle import AgentBundle
from .dial import unreachable
from .remote import script
from .rsync import RsyncBulk

_MISSING = b"\nLT-NO-AGENT-1\n"
_FOREIGN = b"\nLT-NOT-OURS-1\n"
# $1 root. Whose folder it is could put programs of his own in the place of ours, and its name may be easy to guess: on
# a shared data disk another user may have made it first. Who is root is not asked, for a rented box's disk may belong
# to anybody; nor is a file system that gives every new folder another owner (NFS that squashes).
_OURS = r"""
if [ -e "$1" ] && [ ! -O "$1" ] && [ "$(id -u)" != 0 ]; then
    new=$1/.lt-own-$$
    if ! mkdir -- "$new" 2>/dev/null || [ -O "$new" ]; then
        rmdir -- "$new" 2>/dev/null; printf '\nLT-NOT-OURS-1\n'; exit 91
    fi
    rmdir -- "$new"
fi
"""
# $1 root, $2 digest, $3 python, $4 lease folder or nothing
_START = (
    _OURS
    + r"""
agent=$1/agents/$2
if [ ! -e "$agent/.complete" ]; then printf '\nLT-NO-AGENT-1\n'; exit 90; fi
if [ -n "$4" ]; then exec "$3" -E -s -S "$agent" bridge --root "$1" --lease-dir "$4"; fi
exec "$3" -E -s -S "$agent" bridge --root "$1"
"""
)
# $1 root, $2 the staging folder's name
_PREPARE = f"""
umask 077
mkdir -p -- "$1/agents/$2" || exit 1
{_OURS}
[ ! -O "$1" ] || chmod go-w -- "$1"
"""
# $1 root, $2 the staging folder's name, $3 digest. Of two at once, the one whose rename fails has nothing to add:
# the same digest is the same bytes. Staging folders a day old are leftovers of pushes that were cut off.
_FINISH = r"""
umask 077
cd "$1/agents" || exit 1
[ -e "$3/.complete" ] || { rm -rf -- "$3" && mv -- "$2" "$3" && sync "$3" 2>/dev/null; : > "$3/.complete"; }
rm -rf -- "$2"
find . -maxdepth 1 -name '.*.part' -mtime +1 -exec rm -rf -- {} + 2>/dev/null
[ -e "$3/.complete" ]
"""
_UNPACK = """
import os, sys, tarfile
os.umask(0o077)
os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
for member in (archive := tarfile.open(fileobj=sys.stdin.buffer, mode="r|gz")):
    os.makedirs(os.path.dirname(member.name) or ".", exist_ok=True)
    with open(member.name, "wb") as sink:
        sink.write(archive.extractfile(member).read())
"""


def push_agent(transport: Transport, bulk: Bulk, facts: Mapping[str, Any], bundle: AgentBundle) -> None:
    """Brings `bundle` to `<root>/agents/<digest>/`, complete or not at all. Repeating it does no harm.

    By rsync where `bulk` is that; otherwise as a tar over `transport`, since the agent that unpacks tars is what is
    missing. Raises LtError `agent_not_pushed{host, detail}`, and what the transfer raises.
    """
    root, python = str(facts["root"]), python_of(facts, transport.name)
    staging = f".{bundle.digest}.{new_ulid()}.part"
    prepared = transport.run(script(_PREPARE, root, staging), timeout=120)
    if _FOREIGN in prepared.stdout:
        raise LtError("root_not_ours", host=transport.name, root=root)
    _check(transport, prepared)
    if isinstance(bulk, RsyncBulk):
        bulk.push(bundle.folder, bundle.files(), f"{root}/agents/{staging}")
    else:
        _checked(transport, [python, "-E", "-s", "-S", "-c", _UNPACK, f"{root}/agents/{staging}"], _tar(bundle))
    _checked(transport, script(_FINISH, root, staging, bundle.digest))


def agent_argv(facts: Mapping[str, Any], bundle: AgentBundle, host: str, *words: str) -> list[str]:
    """The argv of an agent's command on the host. Raises LtError `host_no_python`."""
    folder = f"{facts['root']}/agents/{bundle.digest}"
    return [python_of(facts, host), "-E", "-s", "-S", folder, *words]


def open_bridge(
    transport: Transport,
    facts: Mapping[str, Any],
    bundle: AgentBundle,
    root: str,
    lease_dir: str | None = None,
    *,
    first: bytes = b"",
    timeout: float = 30.0,
) -> Duplex:
    """Starts the bridge and returns its stream, once it has spoken. The stream begins at (or just before) its magic.

    `first` is sent at once, so that a greeting costs no round trip of its own. Raises LtError `agent_missing{host}`
    when the host has no complete copy of `bundle`: push it and call again; `agent_failed{host, exit, detail}` when
    the bridge does not come up; `host_unreachable`.
    """
    python = python_of(facts, transport.name)
    stream = transport.open(script(_START, root, bundle.digest, python, lease_dir or ""))
    # A bridge that hangs at its start must not hang us: closing the stream wakes the reader below.
    patience = threading.Timer(timeout, stream.close)
    patience.daemon = True
    patience.start()
    try:
        if first:
            _send_unless_gone(stream, first)
        begun = b""
        while MAGIC not in begun:
            data = stream.recv(65536)
            begun += data
            if _FOREIGN in begun:
                raise LtError("root_not_ours", host=transport.name, root=root)
            if _MISSING in begun:
                raise LtError("agent_missing", host=transport.name, digest=bundle.digest)
            if not data or len(begun) > MAX_NOISE:
                raise _not_started(stream, transport, begun, timeout=not patience.is_alive())
    except BaseException:
        stream.close()
        raise
    finally:
        patience.cancel()
    return _Begun(stream, begun)


def python_of(facts: Mapping[str, Any], host: str) -> str:
    """The interpreter that the probe ran in. Raises LtError `host_no_python`."""
    python = facts.get("python")
    if not isinstance(python, Mapping) or not python.get("path"):
        raise LtError("host_no_python", host=host, old=facts.get("old_python"))
    return str(python["path"])


class _Begun:
    """A stream whose first bytes have been read already."""

    def __init__(self, stream: Duplex, begun: bytes) -> None:
        self._stream = stream
        self._begun = begun

    def recv(self, size: int = 65536) -> bytes:
        if self._begun:
            data, self._begun = self._begun[:size], self._begun[size:]
            return data
        return self._stream.recv(size)

    def sendall(self, data: bytes) -> None:
        self._stream.sendall(data)

    def close_input(self) -> None:
        self._stream.close_input()

    def close(self) -> None:
        self._stream.close()

    def stderr(self) -> bytes:
        return self._stream.stderr()

    def exit_status(self, timeout: float = 10.0) -> int | None:
        return self._stream.exit_status(timeout)


def _send_unless_gone(stream: Duplex, data: bytes) -> None:
    try:
        stream.sendall(data)
    except LtError:
        return  # the shell has left already: what it said tells why


def _not_started(stream: Duplex, transport: Transport, begun: bytes, *, timeout: bool) -> LtError:
    if timeout:
        return LtError("agent_failed", host=transport.name, exit=None, detail="")
    if not transport.alive():
        return unreachable(transport.name, transport.name, "connection_lost")
    code = stream.exit_status(2.0)
    detail = (stream.stderr() or begun)[-500:].decode("utf-8", "replace")
    return LtError("agent_failed", host=transport.name, exit=code, detail=detail)


def _checked(transport: Transport, argv: list[str], input: bytes = b"") -> None:
    _check(transport, transport.run(argv, input=input, timeout=120))


def _check(transport: Transport, done: Completed) -> None:
    if done.exit != 0:
        detail = done.stderr[-500:].decode("utf-8", "replace")
        raise LtError("agent_not_pushed", host=transport.name, exit=done.exit, detail=detail)


def _tar(bundle: AgentBundle) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name in bundle.files():
            archive.add(bundle.folder / name, arcname=name, recursive=False)
    return buffer.getvalue()
