"""Orders: fixed when they are made, handed in once, by the same code as every submit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.ulid import new_ulid
from lt_controller.client import Client, orders
from lt_controller.client.orders import Order
from support.refusal import code_of
from support.store import Store

RECIPE = """version: 1
method: sft
model: {name_or_path: "job:first"}
datasets: [{path: d.jsonl, type: prompt_completion}]
env: {lock: my.txt}
description: "2e-4"
train: {max_steps: 3}
resources: {gpus: 0}
"""


@pytest.fixture
def work(work: Path) -> Path:
    """With a recipe, and what it names."""
    (work / "d.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    (work / "my.txt").write_text("torch==2.0.0\n")
    (work / "r.yaml").write_text(RECIPE)
    return work


def again(order: Order) -> Order:
    """As it comes back from the database."""
    return Order.from_json(json.loads(json.dumps(order.to_json())))


def test_a_recipe_is_what_it_was_whatever_becomes_of_its_file(ready: Store, client: Client, work: Path) -> None:
    order = again(orders.freeze_recipe(client, "r.yaml", ["train.max_steps=4"], work, later=["first"]))
    for name in ("r.yaml", "my.txt"):
        (work / name).unlink()
    made = ready.job("done", "succeeded", kind="recipe", host="local")
    ready.checkpoint(made, "final", 4, kind="final")
    job = new_ulid()
    assert orders.submit(client, order, "local", job, "mine", overrides=["seed=7"], jobs={"first": made})
    (params,) = ready.submits()
    spec = params["spec"]
    assert (spec["job"], spec["name"], params["recipe_name"]) == (job, "mine", "r")
    assert (
        spec["recipe"]["train"] == {"max_steps": 4}
        and spec["recipe"]["description"] == "2e-4"
        and spec["recipe"]["seed"] == 7
    )
    assert spec["recipe"]["model"]["name_or_path"] == f"/root/.lt-agent/jobs/{made}/1/out/final"
    assert spec["env"]["packages"] == ["torch==2.0.0"]


def test_data_that_was_edited_since_is_refused_by_name(ready: Store, client: Client, work: Path) -> None:
    order = orders.freeze_recipe(client, "r.yaml", [], work, later=["first"])
    (work / "d.jsonl").write_text('{"prompt": "a", "completion": "c"}\n')
    assert code_of(orders.draft, client, order, "local") == "data_changed"


def test_an_id_is_submitted_once_however_often_it_is_asked_for(ready: Store, client: Client, work: Path) -> None:
    order = again(orders.freeze_command(client, ["python", "train.py"], work, outputs=["out"]))
    (work / "train.py").write_text("print(2)\n")
    job = new_ulid()
    assert orders.submit(client, order, "local", job, "mine", because="lt pipeline run p: mine")
    assert not orders.submit(client, order, "local", job, "mine")
    (params,) = ready.submits()
    assert (Path(params["code"]["source"]) / "train.py").read_text() == "print(1)\n"
    assert ready.db.execute("SELECT command FROM audit WHERE act='submit'").fetchall() == [("lt pipeline run p: mine",)]
    ready.db.execute("DELETE FROM intents")
    ready.job("mine", "succeeded", id=job, removed=1)
    assert not orders.submit(client, order, "local", job, "mine")


def test_inputs_of_a_command_are_sent_or_lie_there(ready: Store, client: Client, work: Path) -> None:
    made = ready.job("done", "succeeded", host="local")
    files = {"files": [{"path": "out/a.txt", "size": 1, "sha256": "0"}]}
    ready.checkpoint(made, "files-1", 0, kind="files", manifest=files)
    inputs = {"rows": str(work / "d.jsonl"), "big": "host:/data/x", "made": "job:first/out/a.txt", "all": "job:first"}
    order = orders.freeze_command(client, ["cat", "input:rows"], work, inputs=inputs, later=["first"])
    assert order.uses == {"made": "first/out/a.txt", "all": "first"}
    assert orders.submit(client, order, "local", new_ulid(), "mine", jobs={"first": made})
    (params,) = ready.submits()
    spec = params["spec"]
    (data,) = params["data"]
    assert spec["data"] == [{"name": data["name"], "digest": data["digest"]}] and data["source"] == str(work)
    assert spec["inputs"] == {
        "rows": f"data:d.jsonl/{data['digest']}/d.jsonl",
        "big": "/data/x",
        "made": f"/root/.lt-agent/jobs/{made}/1/out/files/out/a.txt",
        "all": f"/root/.lt-agent/jobs/{made}/1/out/files",
    }
    order = orders.freeze_command(client, ["true"], work, inputs={"made": "job:first/out/b"}, later=["first"])
    assert code_of(orders.draft, client, order, "local", jobs={"first": made}) == "no_output"


def test_what_a_command_made_elsewhere_comes_from_home(
    ready: Store, client: Client, work: Path, tmp_path: Path
) -> None:
    made = ready.job("done", "succeeded", host="other")
    ready.checkpoint(made, "files-1", 0, kind="files", manifest={"files": []})
    order = orders.freeze_command(client, ["true"], work, inputs={"made": "job:first"}, later=["first"])
    assert code_of(orders.draft, client, order, "local", jobs={"first": made}) == "output_not_home"
    home = tmp_path / "home" / "runs" / "done" / "files"
    home.mkdir(parents=True)
    (home / "a.txt").write_text("a")
    ready.db.execute("UPDATE checkpoints SET pull_state='pulled', path=?", (str(home),))
    assert orders.submit(client, order, "local", new_ulid(), "mine", jobs={"first": made})
    (params,) = ready.submits()
    assert params["spec"]["inputs"]["made"].startswith("data:done-files-1/")
    assert [item["source"] for item in params["data"]] == [str(home)]


def test_a_digest_is_of_what_is_made_and_not_of_how_patiently(client: Client, work: Path) -> None:
    def recipe(*overrides: str) -> str:
        return orders.freeze_recipe(client, "r.yaml", overrides, work, later=["first"]).digest

    assert recipe() == recipe("retries=5", "timeout=3h") != recipe("seed=2")

    def command(*argv: str, **more: Any) -> str:
        return orders.freeze_command(client, argv, work, **more).digest

    same = command("a", apart=work / "r.yaml")
    assert same == command("a", apart=work / "r.yaml", timeout=3.0)
    assert len({same, command("b", apart=work / "r.yaml"), command("a", apart=work / "r.yaml", outputs=["o"])}) == 3
    (work / "r.yaml").write_text("x: 1")
    assert command("a", apart=work / "r.yaml") == same
    (work / "train.py").write_text("print(3)\n")
    assert command("a", apart=work / "r.yaml") != same
