"""`lt estimate` by what earlier runs took: time, cost, and the peak of memory beside the estimate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_controller.store.times import iso
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from lt_recipes import load
from support.cli import Lt
from support.store import START, Store

CONFIG = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
CONFIG |= {"num_attention_heads": 4, "vocab_size": 1000}
RECIPE = ("sft-lora", "train.max_steps=100", "train.max_length=1000")
GPU = {"uuid": "GPU-1", "name": "NVIDIA A100", "memory_total": 40 * 10**9}


@pytest.fixture
def config(tmp_path: Path, store: Store) -> str:
    HostsFile(store.home.hosts_file).add(Host("a1", "a1.example", price=3.6))
    HostsFile(store.home.hosts_file).add(Host("a2", "a2.example"))
    for host in ("a1", "a2"):
        store.insert("facts", host=host, time=iso(START), data={"gpus": [GPU]})
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return str(tmp_path / "config.json")


def past(store: Store, name: str, host: str, per_step: float, *overrides: str, state: str = "succeeded") -> None:
    """A run that has ended: half a minute of start-up, twenty steps, 3 GiB at the peak."""
    recipe = load(RECIPE[0], [*RECIPE[1:], *overrides], check_paths=False).model_dump(mode="json")
    job = store.job(name, state, host=host, kind="recipe", method="sft", spec={"recipe": recipe})
    store.db.execute("UPDATE attempts SET started_at=? WHERE job_id=?", (iso(START), job))
    for step in range(1, 21):
        when = iso(START + 30 + step * per_step)
        for metric, value in (("loss", 1.0), ("memory/peak", 3 * 2**30), ("memory/reserved", 4 * 2**30)):
            store.insert("metrics", job_id=job, attempt=1, name=metric, step=step, value=value, time=when)


def told(lt: Lt, config: str, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lt("estimate", *RECIPE, *words, "--config", config, "--json", code=None).out)
    return found


def test_time_cost_and_peak_are_those_of_runs_like_it(lt: Lt, store: Store, config: str) -> None:
    past(store, "one", "a1", 2.0)
    found = told(lt, config, "--host", "a1")
    assert found["past"]["per_step"] == pytest.approx(2.0)
    assert found["past"]["seconds"] == pytest.approx(30 + 100 * 2.0)
    assert found["past"]["cost"] == pytest.approx(230 / 3600 * 3.6)
    assert (found["past"]["peak"], found["past"]["reserved"]) == (3 * 2**30, 4 * 2**30)
    assert found["past"]["calibrated"] == pytest.approx(5 * 2**30, rel=1e-6)  # and CUDA's own GiB
    text = lt("estimate", *RECIPE, "--host", "a1", "--config", config).out
    assert "Measured: 3.0 GiB at the peak of one on a1, 4.0 GiB held by the allocator" in text
    assert "Time: about 3m 50s for 100 steps at 2 s, by one on a1. Cost: about 0.23 at 3.6/h." in text


def test_another_host_with_the_same_gpu_tells_where_this_one_has_no_run(lt: Lt, store: Store, config: str) -> None:
    past(store, "two", "a2", 4.0)
    found = told(lt, config, "--host", "a1")["past"]
    assert (found["host"], found["per_step"]) == ("a2", pytest.approx(4.0))
    past(store, "one", "a1", 2.0)
    assert told(lt, config, "--host", "a1")["past"]["host"] == "a1"


def test_a_step_of_more_rows_takes_as_much_longer_and_tells_nothing_of_the_peak(
    lt: Lt, store: Store, config: str
) -> None:
    past(store, "one", "a1", 2.0)
    found = told(lt, config, "train.per_device_train_batch_size=4", "--host", "a1")["past"]
    assert found["per_step"] == pytest.approx(4.0)
    assert found["peak"] is None and found["calibrated"] > 5 * 2**30


@pytest.mark.parametrize(
    "other",
    [
        ("train.max_length=4000",),
        ("adapter=null",),
        ("model.load_in_4bit=true",),
        ("model.name_or_path=some/other",),
        ("train.gradient_checkpointing=false",),
    ],
)
def test_runs_of_another_kind_tell_nothing(lt: Lt, store: Store, config: str, other: tuple[str, ...]) -> None:
    past(store, "other", "a1", 2.0, *other)
    past(store, "broken", "a1", 2.0, state="failed")
    assert told(lt, config, "--host", "a1")["past"] is None
    assert "No run of this kind has succeeded yet" in lt("estimate", *RECIPE, "--config", config).out
