"""An attempt from start to outcome: what the worker gets, and what is said of how it ended."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from lt_agent import leases
from lt_agent.protocol.files import write_json
from lt_agent.protocol.records import DataLink, EnvPlan, FileEntry, Manifest, ResumeFrom, to_dict
from lt_agent.start import summary
from support.agent_host import AgentHost, ended, events, log, running, states
from support.wait import until


def test_a_command_succeeds_and_tells_its_story(host: AgentHost) -> None:
    attempt = host.start("sh", "-c", "echo out; echo err >&2")
    record = ended(attempt)
    assert (record["state"], record["reason"], record["exit_code"]) == ("succeeded", "done", 0)
    assert (record["survivors"], record["killed"], record["judged"]) == (0, [], False)
    assert states(attempt) == ["waiting", "preparing", "running", "succeeded"]
    assert sorted(log(attempt).split()) == ["err", "out"]
    assert summary(attempt)["exit"] == record


def test_the_worker_gets_its_marker_its_folders_and_nothing_of_a_login(
    host: AgentHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    monkeypatch.setenv("LT_JOB", "another")
    attempt = host.python(
        "import json, os; print(json.dumps({**os.environ, 'cwd': os.getcwd(), 'tty': os.isatty(0)}))",
        variables={"MINE": "yes"},
    )
    ended(attempt)
    env = json.loads(log(attempt))
    assert (env["LT_JOB"], env["LT_ATTEMPT"], env["MINE"]) == (attempt.job, "1", "yes")
    assert env["LT_OUT"] == str(attempt.out)
    assert env["cwd"] == str(attempt.code)
    assert "SSH_CONNECTION" not in env
    assert "CUDA_VISIBLE_DEVICES" not in env


def test_metrics_of_a_script_come_as_lines_without_nan(host: AgentHost) -> None:
    attempt = host.python(
        "import lt_metrics as m\n"
        "m.log({'loss': 0.5, 'eval': {'acc': 1}, 'name': 'x'}, step=7); m.log({'loss': float('inf')})"
    )
    assert ended(attempt)["state"] == "succeeded", log(attempt)
    lines = [json.loads(line) for line in attempt.metrics.read_text().splitlines()]
    assert lines == [{"step": 7, "loss": 0.5, "eval/acc": 1}, {"step": 8, "loss": None}]


@pytest.mark.parametrize(
    ("argv", "reason", "number", "code"),
    [
        (("sh", "-c", "exit 7"), "exit_code", None, 7),
        (("sh", "-c", "kill -SEGV $$"), "signal", 11, None),
        (("no-such-program-here",), "start_failed", None, None),
        ((), "start_failed", None, None),
    ],
)
def test_a_failure_has_a_typed_reason(
    host: AgentHost, argv: tuple[str, ...], reason: str, number: int | None, code: int | None
) -> None:
    record = ended(host.start(*argv))
    assert (record["state"], record["reason"]) == ("failed", reason)
    assert (record["signal"], record["exit_code"]) == (number, code)


def test_the_workers_own_word_on_its_failure_counts(host: AgentHost) -> None:
    attempt = host.python(
        "import json, os, sys; from pathlib import Path\n"
        "word = {'reason': 'nan', 'message': 'loss is NaN'}\n"
        "Path(os.environ['LT_OUT'], '../failure.json').write_text(json.dumps(word))\n"
        "sys.exit(1)"
    )
    record = ended(attempt)
    assert (record["state"], record["reason"], record["message"]) == ("failed", "nan", "loss is NaN")


def test_python_means_the_jobs_interpreter(host: AgentHost) -> None:
    attempt = host.start("python", "-c", "import sys; print(sys.executable)", env=EnvPlan("existing", sys.executable))
    ended(attempt)
    assert log(attempt).strip() == sys.executable


def test_a_missing_interpreter_is_named(host: AgentHost) -> None:
    record = ended(host.start("true", env=EnvPlan("existing", "/nowhere/python")))
    assert record["reason"] == "env_python_missing"
    assert "/nowhere/python" in record["message"]


def test_granted_gpus_are_shown_and_others_hidden(host: AgentHost) -> None:
    leases.write_slots(host.lease, 2, ["GPU-a", "GPU-b"])
    show = ("sh", "-c", 'echo "[$CUDA_VISIBLE_DEVICES]"')
    both, none = host.start(*show, gpus=2), host.start(*show, gpus=0)
    ended(both)
    ended(none)
    assert (log(both), log(none)) == ("[GPU-a,GPU-b]\n", "[]\n")


def snapshot(host: AgentHost, name: str, digest: str, files: dict[str, str]) -> DataLink:
    """A committed data snapshot."""
    folder = host.root.data(name, digest)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        (folder / path).chmod(0o400)
    entries = tuple(FileEntry(path, len(text), "0" * 64) for path, text in files.items())
    times = [(folder / path).stat().st_mtime_ns for path in files]
    manifest = to_dict(Manifest(digest, "data", "", entries))
    write_json(host.root.data_manifest(name, digest), {**manifest, "mtimes_ns": times})
    return DataLink(name, digest)


def test_a_command_finds_its_inputs_as_words_and_as_variables(host: AgentHost) -> None:
    link = snapshot(host, "rows", "abc", {"a/rows.jsonl": "some rows"})
    attempt = host.start(
        *("sh", "-c", 'cat "$1"; echo; echo "$LT_INPUT_ROWS $LT_INPUT_BIG_ONE"; echo "$2" "$3"', "sh"),
        *("input:rows", "input:big_one", "input:none"),
        data=(link,),
        inputs={"rows": "data:rows/abc/a/rows.jsonl", "big_one": "/data/big"},
    )
    assert ended(attempt)["state"] == "succeeded", log(attempt)
    rows = host.root.data("rows", "abc").resolve() / "a" / "rows.jsonl"
    assert log(attempt).splitlines() == ["some rows", f"{rows} /data/big", "/data/big input:none"]


def test_the_code_is_a_writable_copy(host: AgentHost) -> None:
    script = "echo changed >> lib/a.txt; cat lib/a.txt\n"
    link = snapshot(host, "code", "d1", {"run.sh": script, "lib/a.txt": "as sent\n"})
    attempt = host.start("sh", "run.sh", code=link)
    assert ended(attempt)["state"] == "succeeded"
    assert log(attempt) == "as sent\nchanged\n"
    assert (host.root.data("code", "d1") / "lib/a.txt").read_text() == "as sent\n"


def test_data_that_was_touched_is_refused_by_name(host: AgentHost) -> None:
    link = snapshot(host, "corpus", "d1", {"train.jsonl": "{}\n"})
    file = host.root.data("corpus", "d1") / "train.jsonl"
    os.utime(file, (1, 1))
    attempt = host.start("true", data=(link,))
    assert ended(attempt)["reason"] == "data_changed"
    assert events(attempt, "error")[0]["params"]["params"] == {"path": "train.jsonl", "name": "corpus"}
    assert ended(host.start("true", data=(DataLink("corpus", "other"),)))["reason"] == "data_missing"


def test_a_recipes_worker_gets_paths_of_this_host_and_its_checkpoint(host: AgentHost, tmp_path: Path) -> None:
    """The trainer is replaced by a module of the same name that shows what it was given."""
    fake = tmp_path / "agents" / "fake"
    (fake / "lt_agent" / "trainers").mkdir(parents=True)
    (fake / "lt_agent" / "__init__.py").write_text("")
    (fake / "lt_agent" / "trainers" / "__init__.py").write_text("")
    (fake / "lt_agent" / "trainers" / "__main__.py").write_text("import sys; print(open(sys.argv[1]).read())")
    link = snapshot(host, "corpus", "d1", {"train.jsonl": "{}\n"})
    first = host.start("true")
    ended(first)
    (first.out / "checkpoint-5").mkdir()
    (first.out / "checkpoint-5" / "w").write_text("x")
    write_json(
        first.manifest("checkpoint-5"),
        to_dict(Manifest("checkpoint-5", "checkpoint", "out/checkpoint-5", (FileEntry("w", 1, "0"),), step=5)),
    )
    recipe = {"datasets": [{"path": "data:corpus/d1/train.jsonl"}], "model": {"name_or_path": "data:corpus/d1"}}
    attempt = host.start(
        job=first.job, attempt=2, kind="recipe", recipe=recipe, data=(link,),
        variables={"PYTHONPATH": str(fake)}, resume=ResumeFrom(1, "checkpoint-5"),
    )  # fmt: skip
    # The agent's own folder comes first on the path; without torch its trainer would fail, so the fake must not lose.
    record = ended(attempt)
    value = json.loads(attempt.worker.read_text())
    folder = host.root.data("corpus", "d1").resolve()
    assert value["recipe"]["datasets"][0]["path"] == str(folder / "train.jsonl")
    assert value["recipe"]["model"]["name_or_path"] == str(folder)
    assert value["resume"] == {"path": str(first.out.resolve() / "checkpoint-5"), "step": 5}
    assert record["state"] == "failed"  # this recipe has no method
    assert record["reason"] == "bad_recipe", log(attempt)


def test_a_checkpoint_that_is_not_whole_is_not_resumed(host: AgentHost) -> None:
    attempt = host.start(kind="recipe", resume=ResumeFrom(1, "checkpoint-5"), attempt=2)
    assert ended(attempt)["reason"] == "resume_missing"


def test_a_long_job_is_sampled(host: AgentHost) -> None:
    attempt = host.start("sleep", "600")
    running(attempt)
    line = json.loads(until(lambda: attempt.samples.exists() and attempt.samples.read_text(), 20).splitlines()[0])
    assert line["sys/rss"] > 0
    assert line["sys/mem_free"] > 0
    assert line["sys/disk_free"] > 0


def test_a_gpu_that_cannot_be_measured_hurts_nobody(host: AgentHost) -> None:
    leases.write_slots(host.lease, 1, ["GPU-00000000-0000-0000-0000-000000000000"])
    attempt = host.start("sleep", "600", gpus=1)
    running(attempt)
    until(lambda: attempt.samples.exists(), 20)
    (event,) = until(lambda: events(attempt, "samples_unavailable"))
    assert event["params"]["what"] == "gpu"
    assert states(attempt)[-1] == "running"
