"""A host is not trusted: what it answers is taken only as far as it is of its kind."""

from __future__ import annotations

import pytest

from lt_controller.client.holdings import parsed


def test_a_jobs_name_stands_for_its_id() -> None:
    found = parsed({"processes": [{"pid": 7, "name": "python train.py", "job": "01X", "memory": 5}]}, {"01X": "sft"})
    assert (found.processes[0].job, found.processes[0].ours, found.items) == ("sft", True, None)


def test_what_is_on_the_disk_is_summed_by_kind() -> None:
    items = [{"kind": "env", "name": "a", "size": 2, "used": 1.7e9}, {"kind": "env", "name": "b", "size": 3}]
    found = parsed({"processes": [], "disk": {"items": items, "partial": True}}, {})
    assert (found.total("env"), found.total("data"), found.partial) == (5, 0, True)
    assert [item.name for item in found.items or ()] == ["b", "a"]


def test_a_number_that_no_float_holds_is_the_largest_there_is() -> None:
    found = parsed({"processes": [{"pid": 10**400, "memory": float("inf"), "cpu": float("nan"), "age": -5}]}, {})
    process = found.processes[0]
    assert (process.pid, process.memory, process.cpu, process.age) == (10**18, 0, 0.0, 0.0)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"processes": "many"},
        {"processes": [1, None, {"pid": "7", "cpu": float("nan"), "memory": -1, "name": ["x"], "age": True}]},
        {"processes": [], "disk": {"items": {"a": 1}}},
        {"processes": [], "disk": {"items": [{"size": float("inf"), "used": 1e300, "kind": 5}]}},
    ],
)
def test_nonsense_does_no_harm(answer: dict[str, object]) -> None:
    found = parsed(answer, {})
    assert all(item.pid == 0 and item.cpu == 0.0 and item.name == "" for item in found.processes)
    assert all(item.kind == "" and item.used is None for item in found.items or ())
