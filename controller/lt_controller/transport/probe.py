"""First contact: one round trip that finds a Python on the host and lets it say what the host has."""

from __future__ import annotations

import importlib.resources
import json
import sys
import time
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.fact_shapes import cleaned
from lt_inventory.model import LOCAL, Host

from .base import Transport
from .remote import script

_MARK = b"\nLT-PROBE-1\n"
_SHELL_MARK = b"LT-SHELL-ONLY\n"
# $1: root, $2: an interpreter of the person's choice or nothing. The probe itself comes on standard input, so nothing
# before it may read from there. What a login shell adds to PATH (conda, mostly) is asked of one, with patience.
_SCRIPT = r"""
limit=$(command -v timeout) && limit="$limit 3"
more=$($limit "${SHELL:-/bin/sh}" -lc 'printf "\n%s" "$PATH"' </dev/null 2>/dev/null | tail -n 1)
old=
for p in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python \
    /opt/conda/bin/python3 /opt/miniconda3/bin/python3 /root/miniconda3/bin/python3 "$HOME/miniconda3/bin/python3" \
    /usr/local/bin/python3 "$2"
do
    [ -n "$p" ] && command -v "$p" >/dev/null 2>&1 || continue
    if "$p" -c 'import sys; sys.exit(sys.version_info < (3, 9))' </dev/null >/dev/null 2>&1; then
        printf '\nLT-PROBE-1\n'
        exec "$p" -E -s - --root "$1" --pythons "$2" --path "$more"
    fi
    old=${old:-$p}
done
printf '\nLT-PROBE-1\nLT-SHELL-ONLY\n'
printf 'hostname=%s\n' "$(uname -n)"
printf 'user=%s\n' "$(id -un)"
printf 'uid=%s\n' "$(id -u)"
printf 'home=%s\n' "$HOME"
printf 'machine=%s\n' "$(uname -m)"
printf 'system=%s\n' "$(uname -s)"
printf 'kernel=%s\n' "$(uname -r)"
printf 'rsync=%s\n' "$(rsync --version 2>/dev/null | sed -n '1s/^rsync *version *v*\([0-9.]*\).*/\1/p')"
printf 'tar=%s\n' "$(command -v tar)"
printf 'old_python=%s\n' "$old"
for m in apt-get dnf yum apk zypper pacman brew; do
    command -v "$m" >/dev/null 2>&1 && printf 'packages=%s\n' "$m" && break
done
cat >/dev/null
"""


def probe(transport: Transport, host: Host, timeout: float = 30.0) -> dict[str, Any]:
    """The facts of the host (see `lt_agent.probe.collect`), with `clock_offset`: its clock minus ours, in seconds.

    On a host without Python 3.9 or newer, `python` is None and only what a shell knows is there.
    Raises LtError `probe_failed{host, detail}`, `host_unreachable`, `command_timeout`.
    """
    agent = importlib.resources.files("lt_agent")
    # The probe stands on the other as text: there is no package in an interpreter that reads from a pipe.
    source = b"\n".join(agent.joinpath(name).read_bytes() for name in ("accelerators.py", "probe.py"))
    # On this very machine, the interpreter that lt runs in may train as well: the one with the `train` extra.
    also = host.python or (sys.executable if host.kind == LOCAL else "")
    done = transport.run(script(_SCRIPT, host.root, also), input=source, timeout=timeout)
    received = time.time()
    noise, mark, said = done.stdout.partition(_MARK)
    if not mark:
        raise _failed(host, done.exit, done.stderr or noise)
    if said.startswith(_SHELL_MARK):
        return cleaned(_from_shell(said[len(_SHELL_MARK) :], host))
    try:
        facts = cleaned(json.loads(said.decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        raise _failed(host, done.exit, done.stderr) from None
    if not str(facts.get("root")).startswith("/"):
        raise _failed(host, done.exit, said)
    if facts.get("time") is not None:
        facts["clock_offset"] = round(facts["time"] - received, 3)
    return facts


def _from_shell(said: bytes, host: Host) -> dict[str, Any]:
    found: dict[str, Any] = {"python": None, "pythons": [], "gpus": [], "root": host.root}
    for line in said.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        found[key] = value or None
    found["uid"] = int(found["uid"]) if str(found.get("uid", "")).isdigit() else None
    if host.root.startswith("~/") and found.get("home"):
        found["root"] = found["home"] + host.root[1:]
    return found


def _failed(host: Host, exit: int, detail: bytes) -> LtError:
    return LtError("probe_failed", host=host.name, exit=exit, detail=detail.decode("utf-8", "replace")[-500:])
