"""What goes wrong is told: what happened, to what, and what to type next; with the right exit code; no traceback."""

from __future__ import annotations

import json

import pytest

from support.laptop import Laptop
from support.sshd import SshHost

NO_SUCH = 4
USAGE = 2


@pytest.mark.parametrize(
    "words",
    [["show"], ["logs"], ["stop"], ["resume"], ["wait"], ["metrics"], ["pull"], ["save"], ["rm"]],
    ids=lambda words: words[0],
)
def test_a_job_that_does_not_exist(laptop: Laptop, words: list[str]) -> None:
    told = laptop.lt(*words, "nobody", code=NO_SUCH)
    assert "nobody" in told.stderr and "lt ps" in told.stderr


def test_a_host_that_does_not_exist(laptop: Laptop) -> None:
    told = laptop.lt("run", "nowhere", "--", "true", code=NO_SUCH)
    assert "nowhere" in told.stderr and "lt host" in told.stderr


def test_a_recipe_that_does_not_exist_names_the_nearest(laptop: Laptop) -> None:
    told = laptop.lt("submit", "local", "tiny-stf", code=None)
    assert told.returncode in (USAGE, NO_SUCH) and "tiny-sft" in told.stderr


def test_an_unknown_recipe_key_names_file_line_and_the_nearest_key(laptop: Laptop) -> None:
    recipe = laptop.work / "mine.yaml"
    recipe.write_text(
        "version: 1\nmethod: sft\nmodel: {name_or_path: some/model}\n"
        "datasets: [{path: data.jsonl, type: text}]\ntrain:\n  learning_rte: 1e-4\n  max_steps: many\n"
    )
    (laptop.work / "data.jsonl").write_text('{"text": "x"}\n')
    told = laptop.lt("submit", "local", "mine.yaml", code=USAGE)
    for part in ("mine.yaml", "6", "learning_rte", "learning_rate", "max_steps", "7"):
        assert part in told.stderr
    assert laptop.query("SELECT * FROM jobs") == [] and laptop.query("SELECT * FROM intents") == []


def test_a_missing_data_file_is_named_before_anything_is_sent(laptop: Laptop) -> None:
    told = laptop.lt("submit", "local", "tiny-sft", "datasets.0.path=nothing.jsonl", code=None)
    assert told.returncode != 0 and "nothing.jsonl" in told.stderr
    assert laptop.query("SELECT * FROM intents") == []


def test_malformed_jsonl_is_refused_with_the_lines_number(laptop: Laptop) -> None:
    (laptop.work / "bad.jsonl").write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "c", \n{"prompt": "d"}\n')
    words = ["datasets.0.path=bad.jsonl", "datasets.0.type=prompt_completion"]
    told = laptop.lt("submit", "local", "tiny-sft", *words, code=None)
    assert told.returncode != 0 and "bad.jsonl:2:" in told.stderr and "bad.jsonl:1:" not in told.stderr
    assert laptop.query("SELECT * FROM intents") == []


def test_an_unknown_key_in_hosts_toml_is_told_with_its_line(laptop: Laptop) -> None:
    (laptop.home / "hosts.toml").write_text('# mine\n[hosts.a]\naddress = "10.0.0.1"\nprot = 2222\n')
    told = laptop.lt("host", "ls", code=None)
    assert told.returncode != 0 and "4" in told.stderr and "port" in told.stderr


def test_a_dry_run_shows_what_would_happen_and_does_nothing(laptop: Laptop, box: SshHost) -> None:
    told = laptop.lt("submit", "box", "tiny-sft", "train.learning_rate=1e-4", "--dry-run")
    assert "0.0001" in told.stdout or "1e-4" in told.stdout or "1e-04" in told.stdout
    assert "gpu_box_qa.jsonl" in told.stdout
    assert laptop.query("SELECT * FROM intents") == []
    assert not (box.root / "jobs").exists()


@pytest.mark.train
def test_a_hub_id_without_network_fails_with_the_reason(laptop: Laptop, box: SshHost) -> None:
    pytest.importorskip("trl", reason="the train extra is not installed")
    (laptop.work / "hub.yaml").write_text(
        "version: 1\nmethod: sft\nmodel: {name_or_path: nobody-at-all/no-such-model}\n"
        "datasets: [{path: d.jsonl, type: text}]\ntrain: {max_steps: 1, bf16: false}\nresources: {gpus: 0}\n"
    )
    (laptop.work / "d.jsonl").write_text('{"text": "x"}\n' * 8)
    name = laptop.submit("box", "hub.yaml")
    laptop.lt("wait", name, code=1, timeout=200)
    job = laptop.job(name)
    assert job["reason"] == "model_not_found"
    shown = laptop.lt("show", name).stdout
    assert "nobody-at-all/no-such-model" in shown


def test_the_controller_tells_what_it_is_doing(laptop: Laptop, box: SshHost) -> None:
    laptop.lt("wait", laptop.run("box", "true"))
    status = json.loads(laptop.lt("controller", "status", "--json").stdout)
    process = laptop.controller()
    assert process is not None and status["pid"] == process.pid
    assert "box" in json.dumps(status)
    laptop.lt("controller", "stop")
    assert laptop.controller() is None
