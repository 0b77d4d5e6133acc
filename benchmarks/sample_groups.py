"""A pipeline and a sweep for a sample fleet."""

from __future__ import annotations

from typing import Any

from benchmarks.sample_fleet import SampleFleet
from lt_agent.protocol.ulid import new_ulid
from lt_controller.store.times import iso


def add_groups(fleet: SampleFleet) -> None:
    """A pipeline that is half done and a sweep of nine trials, on jobs of the fleet where there are some."""
    fleet.db.execute("BEGIN")
    _pipeline(fleet)
    _sweep(fleet)
    fleet.db.execute("COMMIT")


def _pipeline(fleet: SampleFleet) -> None:
    made = new_ulid(fleet.now - 5000)
    fleet.insert(
        "pipelines",
        id=made,
        name="sft-eval",
        file="sft-eval.yaml",
        params={"values": {"lr": 0.0002}, "said": ["lr=0.0002"]},
        state="running",
        by="me@lab",
        created_at=iso(fleet.now - 5000),
    )
    stages: list[tuple[str, list[str], int | None]] = [
        ("clean", [], 4),
        ("train", ["clean"], 0),
        ("evaluate", ["train"], None),
        ("quantise", ["train"], None),
        ("report", ["evaluate", "quantise"], None),
    ]
    for place, (name, needs, job) in enumerate(stages):
        known = fleet.jobs[job] if job is not None else new_ulid()
        row = fleet.db.execute("SELECT name FROM jobs WHERE id=?", (known,)).fetchone()
        fleet.insert(
            "stages",
            pipeline=made,
            name=name,
            place=place,
            host="any",
            needs=needs,
            work={"kind": "command", "argv": ["python", f"{name}.py"]},
            digest="",
            job_id=known,
            job_name=row[0] if row else f"sft-eval-{name}",
        )


def _sweep(fleet: SampleFleet) -> None:
    made = new_ulid(fleet.now - 4000)
    keys = ["train.learning_rate", "adapter.r"]
    plan: dict[str, Any] = {
        "section": {"metric": "eval_loss", "direction": "minimize", "grid": {key: [] for key in keys}},
        "total": 12,
        "concurrency": 3,
    }
    fleet.insert(
        "sweeps",
        id=made,
        name="lr-search",
        hosts="any",
        recipe="sft-lora",
        state="running",
        plan=plan,
        created_at=iso(fleet.now - 4000),
    )
    values = (1.31, 0.92, 0.74, 0.71, 0.88, None, 1.12, 0.69, 0.97)
    for number, value in enumerate(values, 1):
        state = "failed" if value is None else "pruned" if number == 7 else "succeeded"
        fleet.insert(
            "trials",
            sweep_id=made,
            number=number,
            job_id=new_ulid(),
            job_name=f"lr-search-{number}",
            params={keys[0]: 1e-5 * 2**number, keys[1]: 8 if number % 2 else 16},
            state=state,
            value=value,
            step=1200 if state == "succeeded" else 300,
            created_at=iso(fleet.now - 4000 + 300 * number),
        )
