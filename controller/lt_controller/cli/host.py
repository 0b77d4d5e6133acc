"""`lt host`: the group, listing, looking, removing. Adding and changing are in `host_edit`."""

from __future__ import annotations

import click

from ..client import Client
from ..client.details import HostInfo
from ..client.models import as_dict
from ..wording import phrase, say, state
from ..wording.say import duration, size
from .common import json_option
from .host_usage import show_usage
from .lazy import LazyGroup
from .output import ago, emit_json, emit_pairs, emit_table, note

COMMANDS = {
    "add": ("host_edit", "add", "add a host: shows its key and asks, logs in once, looks around"),
    "import": ("host_edit", "import_", "take over hosts from ~/.ssh/config"),
    "ls": ("host", "ls", "the hosts and how they answer"),
    "show": ("host", "show", "all that is known of one host"),
    "history": ("host_history", "history", "what it was, on which terms, from when until when"),
    "top": ("host_holdings", "top", "its processes, ours marked: who uses the GPUs and the memory"),
    "disk": ("host_holdings", "disk", "what of ours lies there: environments, data, jobs"),
    "check": ("host_check", "check", "what is fit for training, and what to do about the rest"),
    "connect": ("host_connect", "connect", "log in where a host asks for a password or a code"),
    "edit": ("host_edit", "edit", "change a host's settings"),
    "prepare": ("host_prepare", "prepare", "send a host without internet all that a recipe needs"),
    "trust": ("host_edit", "trust", "accept a host's (changed) key"),
    "retire": ("leaving", "retire", "give a host up for good, and go on elsewhere"),
    "rm": ("host", "rm", "forget a host"),
}
_CLOCK = 0.05  # seconds; a smaller difference is none


@click.group(cls=LazyGroup, table=COMMANDS)
def host() -> None:
    """The machines to train on. They stand in hosts.toml, which you may edit by hand, too."""


@click.command()
@json_option
def ls(as_json: bool) -> int:
    """The hosts and how they answer."""
    with Client() as client:
        found = client.hosts()
        if as_json:
            emit_json([{**as_dict(info), "name": info.name} for info in found])
            return 0
        emit_table(
            ("HOST", "ADDRESS", "STATE", "SEEN", "GPUS", "JOBS", "SLOTS", "PRICE", "UNTIL", "LABELS"),
            [_row(info) for info in found],
            right=(5, 6, 7),
            spare=("LABELS", "SLOTS", "UNTIL", "PRICE", "SEEN", "GPUS"),
        )
    return 0


@click.command()
@click.argument("name", metavar="HOST")
@json_option
def show(name: str, as_json: bool) -> int:
    """All that is known of one host: its settings, how it answers, what the last look found."""
    with Client() as client:
        info = client.host(name)
        keys = client.trusted_keys(info.host) if info.host.kind != "local" else []
        if as_json:
            emit_json({**as_dict(info), "keys": keys, "usage": as_dict(client.usage(name))})
            return 0
        settings = [
            (key, duration(value) if key == "save_before_end" else _plain(value))
            for key, value in as_dict(info.host).items()
            if value not in (None, {}, [], "", False)
        ]
        emit_pairs(
            [
                *settings,
                ("keys", ", ".join(keys)),
                ("state", state(info.state)),
                ("why", say(info.error).message if info.error and info.state != "reachable" else ""),
                ("doing", info.activity),
                ("seen", ago(info.last_seen)),
                ("clock", f"{info.clock_offset:+.1f} s" if abs(info.clock_offset or 0) >= _CLOCK else ""),
                ("looked at", ago(info.facts_time)),
                *_facts(info),
                ("history", _history(client, name)),
            ]
        )
        show_usage(client, name)
    return 0


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="HOST...")
@click.option("--force", is_flag=True, help="even if jobs run or wait there, or others go through it")
def rm(names: tuple[str, ...], force: bool) -> int:
    """Forget hosts. Nothing on them is touched."""
    with Client() as client:
        for name in names:
            client.remove_host(name, force=force)
            note(phrase("host_removed", host=name))
    return 0


def summary(info: HostInfo) -> str:
    """A host's machine in a line: GPUs, CPUs, memory, system."""
    facts = info.facts or {}
    memory = facts.get("memory") or {}
    cpu = facts.get("cpu") or {}
    parts = [
        gpus(info) if info.gpus else phrase("no_gpu"),
        phrase("driver_of", driver=facts["driver"]) if facts.get("driver") else "",
        f"CUDA {facts['cuda']}" if facts.get("cuda") else "",
        phrase("cpu_cores", count=cpu["count"]) if cpu.get("count") else "",
        size(memory["total"]) if memory.get("total") else "",
        str(facts.get("system") or ""),
    ]
    return ", ".join(part for part in parts if part)


def gpus(info: HostInfo) -> str:
    """`2 × NVIDIA H100`, `–` where there are none, nothing where nobody has looked."""
    if info.facts is None:
        return ""
    names: dict[str, int] = {}
    for gpu in info.gpus:
        names[str(gpu.get("name", "GPU"))] = names.get(str(gpu.get("name", "GPU")), 0) + 1
    return " + ".join(f"{count} × {name}" for name, count in names.items()) or "–"


def _row(info: HostInfo) -> tuple[object, ...]:
    host = info.host
    slots = host.slots or (max(1, len(info.gpus)) if info.facts else "")
    return (
        info.name,
        host.target,
        state(info.state),
        ago(info.last_seen),
        gpus(info),
        info.active or "",
        slots,
        f"{host.price:g}/h" if host.price is not None else "",
        host.until.strftime("%Y-%m-%d %H:%M") if host.until else "",
        _plain(host.labels),
    )


def _history(client: Client, name: str) -> str:
    """How often it has changed, and how to see it."""
    count = len(client.host_history(name))
    return phrase("host_periods", count=count, host=name) if count > 1 else ""


def _facts(info: HostInfo) -> list[tuple[str, object]]:
    facts = info.facts or {}
    uv = facts.get("uv")
    disk = (facts.get("disks") or {}).get("root") or {}
    pythons = [
        f"{python.get('path')} ({python.get('version')}{_torch(python)})"
        for python in facts.get("pythons") or ()
        if isinstance(python, dict)
    ]
    return [
        ("machine", summary(info)),
        (
            "disk",
            phrase("disk_free", free=disk.get("free"), total=disk.get("total"), path=facts.get("root")) if disk else "",
        ),
        *(("python" if index == 0 else "", text) for index, text in enumerate(pythons)),
        ("rsync", facts.get("rsync")),
        ("uv", f"{uv.get('version')} ({uv.get('path')})" if isinstance(uv, dict) else uv),
        ("container", phrase("yes") if facts.get("container") else ""),
    ]


def _torch(python: dict[str, object]) -> str:
    packages = python.get("packages")
    return f", torch {packages['torch']}" if isinstance(packages, dict) and "torch" in packages else ""


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={item}" for key, item in value.items())
    if hasattr(value, "items"):
        return _plain(dict(value.items()))
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
