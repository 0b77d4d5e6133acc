"""Each act on a host that something here depends on is followed by a named step, so that the table of faults kills the
controller there: a new act without one fails here, a new step without a row in `tests/e2e/test_faults.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import lt_controller.engine as engine
from lt_agent.bridge.operations import Operations
from lt_controller.engine.steps import every_step

FOLDER = Path(engine.__file__).parent
QUESTIONS = frozenset(
    {"ping", "hello", "have", "jobs", "records", "facts", "disk", "processes", "holdings", "unneeded"}
)
# Nothing here or there is other by it than before, but for what lasts as long as the connection.
LASTING_NO_LONGER = frozenset({"unpin", "unfollow"})
# Asked on a person's own thread and told to nobody but them (`lt gc`); or repeated at each connection anew.
OF_THE_MOMENT = frozenset({"clear", "confide"})
# The first half of a commit, which has its step.
FIRST_HALVES = frozenset({"stage"})


def acts() -> Iterator[tuple[str, str, bool]]:
    """(where, op, whether a step is passed after it) of each request to a bridge in the engine."""
    for path in sorted(FOLDER.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
            steps = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "passed"]
            for node in calls:
                if isinstance(node.func, ast.Attribute) and node.func.attr == "request" and node.args:
                    first = node.args[0]
                    op = str(first.value) if isinstance(first, ast.Constant) else ""
                    yield f"{path.name}:{function.name}", op, any(line > node.lineno for line in steps)


def test_each_act_on_a_host_is_followed_by_a_step() -> None:
    found = list(acts())
    exempt = QUESTIONS | LASTING_NO_LONGER | OF_THE_MOMENT | FIRST_HALVES
    missing = [f"{where}: {op}" for where, op, followed in found if op and op not in exempt and not followed]
    assert {"start", "stop", "commit", "pin", "remove", "adopt", "withdraw"} <= {op for _, op, _ in found}
    # What a failed start takes back is told by the withdrawal's own step where a job moves.
    assert missing == ["dispatch.py:_not_started: withdraw"]


def test_the_exempt_are_operations_of_the_bridge_still() -> None:
    source = Path(__import__(Operations.__module__, fromlist=["x"]).__file__ or "").read_text()
    for op in QUESTIONS | LASTING_NO_LONGER | OF_THE_MOMENT | FIRST_HALVES:
        assert f'"{op}"' in source


def test_each_step_is_passed_somewhere() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.py"))
    assert [step for step in every_step() if f"{type(step).__name__}.{step.name}" not in text] == []
