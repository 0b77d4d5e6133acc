"""What a script prints becomes metrics by templates; whatever it prints, nothing breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_agent.printed import MAX_LINE, Printed, Template
from lt_agent.protocol.paths import HostRoot
from support.steady import STEADY


@pytest.mark.parametrize(
    ("template", "line", "found"),
    [
        ("epoch {step} val {val_loss}", "epoch 3 val 0.25", {"step": 3, "val_loss": 0.25}),
        ("epoch {step}/{_} loss={loss}", "[12:00] epoch  3/10\tloss=1e-3 lr=2", {"step": 3, "loss": 1e-3}),
        ("Loss: {loss}", "loss: -.5%", {"step": 1, "loss": -0.5}),
        ("loss {loss}", "loss nan", {"step": 1, "loss": None}),
        ("step {step} loss {loss}", "step inf loss 1", None),
        ('{{"loss": {loss}}}', '{"loss": 4}', {"step": 1, "loss": 4.0}),
        ("acc {_} {acc}", "acc top-1 99.5", {"step": 1, "acc": 99.5}),
        ("loss {loss}", "lossy 3", None),
        ("损失 {loss}", "损失 2.5", {"step": 1, "loss": 2.5}),
    ],
)
def test_a_template_finds_its_numbers(template: str, line: str, found: dict[str, Any] | None) -> None:
    assert Template(template).read(line) == found


@pytest.mark.parametrize("template", ["{loss} epoch", "{a}/{b} x", "{_} {a} {_} x", "{a}{b}{c}x"])
def test_a_line_of_digits_is_told_from_others_in_no_time(template: str) -> None:
    line = "/".join(["7" * 450] * 9)
    assert Template(template).read(line) is None  # minutes, where a number may be begun and ended anywhere


def test_a_script_that_prints_without_pause_is_read_bit_by_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lt_agent.printed._LOOK", 0.0)
    attempt = HostRoot(str(tmp_path)).attempt("01" + "A" * 24, 1)
    attempt.path.mkdir(parents=True)
    attempt.log.write_bytes(b"loss 1\n" * 100_000)
    printed = Printed(attempt, ["loss {loss}"])
    printed.look()
    first = len(attempt.metrics.read_bytes().splitlines())
    assert 0 < first < 20_000
    printed.look(last=True)
    assert len(attempt.metrics.read_bytes().splitlines()) == 100_000


def test_lines_without_a_step_are_counted() -> None:
    template = Template("loss {loss}")
    assert [template.read(line) for line in ("loss 3", "else", "loss 2")] == [
        {"step": 1, "loss": 3.0},
        None,
        {"step": 2, "loss": 2.0},
    ]


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 99), min_size=1, max_size=5))
@settings(STEADY, max_examples=20)
def test_a_log_is_read_the_same_however_it_comes(noise: list[bytes], values: list[int]) -> None:
    import tempfile

    lines = b"".join(
        b"\n%s\nat %d loss %d\n" % (noise[n % len(noise)] if noise else b"", n, v) for n, v in enumerate(values)
    )
    for size in (13, len(lines)):
        with tempfile.TemporaryDirectory() as folder:
            attempt = HostRoot(folder).attempt("01" + "A" * 24, 1)
            attempt.path.mkdir(parents=True)
            printed = Printed(attempt, ["at {step} loss {loss}"])
            printed.look()  # before there is a log
            for start in range(0, len(lines), size):
                with attempt.log.open("ab") as log:
                    log.write(lines[start : start + size])
                printed.look()
            printed.look(last=True)
            read = [json.loads(line) for line in attempt.metrics.read_text().splitlines()]
        expected = [{"step": n, "loss": float(v)} for n, v in enumerate(values)]
        assert [line for line in read if line in expected] == expected
        assert read[-1] == {"step": len(values) - 1, "loss": float(values[-1])}


def test_a_line_without_an_end_counts_at_the_end_alone_and_a_long_one_costs_little(tmp_path: Path) -> None:
    attempt = HostRoot(tmp_path).attempt("01" + "A" * 24, 1)
    attempt.path.mkdir(parents=True)
    attempt.log.write_bytes(b"loss 1\rloss 2\n" + b"x" * (3 << 20) + b"\n" + b"loss " * MAX_LINE + b"\nloss 3")
    printed = Printed(attempt, ["loss {loss}", "a {_} b {_} c {_} d {x}"])
    printed.look()
    assert [json.loads(line)["loss"] for line in attempt.metrics.read_text().splitlines()] == [1.0, 2.0]
    printed.look(last=True)
    assert [json.loads(line)["loss"] for line in attempt.metrics.read_text().splitlines()] == [1.0, 2.0, 3.0]
