"""A host that reaches nothing but the laptop: it is sent all that it needs, and trains."""

from __future__ import annotations

import errno
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lt_controller.home import Home
from support.laptop import Laptop
from support.machine import Machine, why_not
from support.wheels import make_wheel

pytestmark = [pytest.mark.train, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]
pytest.importorskip("trl", reason="the train extra is not installed")

SMALL = ["train.max_steps=2", "train.per_device_train_batch_size=2", "train.logging_steps=1", "save.save_steps=2"]


@pytest.fixture
def island(tmp_path: Path, laptop: Laptop) -> Iterator[Machine]:
    """A machine with one wire, to the laptop; in its inventory."""
    machine = Machine(tmp_path / "island", name="island")
    machine.known_in(Home(laptop.home))
    laptop.add_host(machine.host)
    yield machine
    machine.close()


def said(question: str, answer: str) -> list[dict[str, str]]:
    """A conversation."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@pytest.mark.slow
def test_a_host_without_a_way_out_is_prepared_and_trains(laptop: Laptop, island: Machine, tmp_path: Path) -> None:
    links = tmp_path / "links"
    make_wheel(links, "lt_island", "1.0", "HERE = True\n")
    laptop.variables |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links)}
    (laptop.work / "mine.jsonl").write_text(
        "".join(json.dumps({"messages": said(f"q{n}", f"a{n}")}) + "\n" for n in range(16))
    )
    own = ["datasets.0.path=mine.jsonl", "datasets.0.type=messages"]
    words = ["island", "tiny-sft", f"env.python={sys.executable}", "env.packages=[lt_island==1.0]", *own, *SMALL]

    code = "import socket; print('out:', socket.socket().connect_ex(('192.0.2.1', 80)))"
    name = laptop.run("island", sys.executable, "-c", code)
    laptop.wait_state(name, "succeeded", timeout=90)
    assert laptop.log(name).decode() == f"out: {errno.ENETUNREACH}\n"

    laptop.lt("host", "edit", "island", "--offline")
    refused = laptop.lt("submit", *words, code=1)
    assert "lt host prepare island" in refused.stderr

    first = json.loads(laptop.lt("host", "prepare", *words, "--json").stdout)
    assert "wheels" in first["sent"] and "mine.jsonl" in first["sent"] and first["there"] == []
    again = json.loads(laptop.lt("host", "prepare", *words, "--json").stdout)
    assert again == {"sent": [], "there": first["sent"]}

    job = laptop.submit(*words)
    row = laptop.wait_state(job, "succeeded", "failed", timeout=200)
    assert row["state"] == "succeeded", f"{row}\n{laptop.log(job)[-3000:].decode()}"
    there = [path.name for path in (island.root / "data" / "wheels").iterdir() if path.is_dir()]
    assert len([name for name in there if not name.startswith(".")]) == 1
    [events] = [laptop.query("SELECT params FROM events WHERE job_id=? AND code='env'", laptop.job(job)["id"])]
    assert "built" in {json.loads(row["params"])["state"] for row in events}
    spec = json.loads(laptop.job(job)["spec"])
    assert spec["variables"]["HF_HUB_OFFLINE"] == spec["variables"]["TRANSFORMERS_OFFLINE"] == "1"
    assert "host prepare" in laptop.lt("audit", "--act", "host").stdout


def test_a_model_that_is_not_here_is_named(laptop: Laptop, island: Machine, tmp_path: Path) -> None:
    laptop.lt("host", "edit", "island", "--offline")
    laptop.variables |= {"HF_HOME": str(tmp_path / "empty")}
    (laptop.work / "mine.jsonl").write_text(json.dumps({"messages": said("q", "a")}) + "\n")
    own = ["datasets.0.path=mine.jsonl", "datasets.0.type=messages"]
    typed = ["model.name_or_path=nobody/nothing", "resources.gpus=0", f"env.python={sys.executable}", *own]
    done = laptop.lt("submit", "island", "sft-lora", *typed, code=1)
    assert "nobody/nothing" in done.stderr and "hf download" in done.stderr
