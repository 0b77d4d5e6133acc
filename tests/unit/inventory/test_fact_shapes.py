"""Facts as a hostile host may send them: what comes through has its shape, and nobody who reads it falls over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lt_agent.protocol.errors import LtError
from lt_controller.cli.host import _facts, _row, summary
from lt_controller.client.details import HostInfo
from lt_controller.client.planning import environment
from lt_controller.transport.wheels import platform_tags
from lt_inventory.check import check
from lt_inventory.fact_shapes import _FACTS, MOST, cleaned
from lt_inventory.facts import Facts, devices
from lt_inventory.model import Host
from lt_inventory.periods import machine_of
from lt_recipes.environments import Asked

GOOD: dict[str, Any] = {
    "time": 1.5,
    "hostname": "h",
    "uid": 0,
    "root": "/root/.lt-agent",
    "machine": "x86_64",
    "system": "Linux",
    "libc": "glibc 2.35",
    "cpu": {"model": "m", "count": 8, "load1": 0.5},
    "memory": {"total": 1 << 36, "available": 1 << 35},
    "disks": {"root": {"path": "/", "total": 10, "free": 5, "inodes_free": 7, "filesystem": "ext4", "writable": True}},
    "gpus": [
        {"index": 0, "uuid": "GPU-1", "name": "H100", "memory_total": 80, "memory_free": 9, "driver": "5", "util": 3}
    ],
    "accelerators": [{"kind": "amd", "tool": "rocm-smi", "count": 1, "memory": [5]}],
    "pythons": [
        {"path": "/p", "version": "3.11.2", "packages": {"torch": "2.6"}, "cuda": None, "conda": True, "venv": False}
    ],
    "python": {"path": "/p", "version": "3.11.2"},
    "rsync": "3.2.7",
    "uv": {"path": "/uv", "version": "0.8"},
    "container": True,
    "inotify": {"max_watches": 5},
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
SCALARS |= st.sampled_from([10**400, float("inf"), "9" * 5000, "\ud800", "x" * 5000, "../..", "/p", "Linux"])
INNER = st.sampled_from(
    sorted({"path", "version", "packages", "uuid", "name", "memory_total", "count", "total", "root"})
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(INNER, inner, max_size=4))
ANY_FACTS = st.dictionaries(st.sampled_from(sorted(_FACTS)), VALUES, max_size=8)


def test_right_facts_come_through_whole() -> None:
    assert cleaned(GOOD) == GOOD
    assert cleaned({**GOOD, "unheard_of": [1]}) == GOOD
    assert cleaned(cleaned(GOOD)) == GOOD


@given(ANY_FACTS)
@example({"memory": {"total": 10**400}, "uid": 10**400, "cpu": {"load1": float("nan"), "count": float("inf")}})
def test_whatever_a_host_says_of_itself_can_be_read(raw: dict[str, Any]) -> None:
    facts = cleaned({**GOOD, **raw})
    json.dumps(facts, allow_nan=False).encode()
    for seen in (facts, {**GOOD, **raw}):  # the typed look takes what was stored before as well
        found = Facts.of(seen)
        check(found, Host("h", "h"))
        devices(seen), machine_of(seen), found.slots, found.best_python
    info = HostInfo(Host("h", "h"), facts=facts)
    assert summary(info) and _row(info) and _facts(info)
    try:
        environment(Asked(), info, facts, 0, "sft")
    except LtError as error:
        assert error.code  # a typed word on why no environment fits


@pytest.mark.parametrize("machine", ["../../../../tmp/x", "a/b", "", "x" * 100, 5])
def test_a_machine_that_would_lead_elsewhere_is_none(machine: Any) -> None:
    facts = cleaned({**GOOD, "machine": machine})
    assert facts["machine"] is None and platform_tags(facts) == []


def test_lists_without_end_are_cut() -> None:
    facts = cleaned({"gpus": [{"uuid": str(n)} for n in range(10**4)], "pythons": [{"path": "/p" * 10**5}, {}, 5]})
    assert len(facts["gpus"]) == MOST and len(facts["pythons"]) == 1 and len(facts["pythons"][0]["path"]) == 300
