"""`lt run`: a person's own script, from their folder to their results."""

from __future__ import annotations

import json
import time
from pathlib import Path

from support.laptop import Laptop, tree_hashes
from support.sshd import SshHost
from support.wait import until

TRAIN = """\
import json, os, sys
import lt_metrics
for step in range(1, 6):
    lt_metrics.log({"loss": 1.0 / step}, step=step)
with open(os.environ["LT_METRICS"], "a") as file:
    file.write(json.dumps({"step": 6, "loss": 0.125}) + "\\n")
os.makedirs("out/deep", exist_ok=True)
with open("out/deep/weights.bin", "wb") as file:
    file.write(bytes(range(256)) * 1000)
with open("scratch.bin", "wb") as file:
    file.write(b"stays")
print("lr", sys.argv[2])
"""


def test_a_script_runs_with_its_folder_and_its_results_come_home(laptop: Laptop, box: SshHost) -> None:
    (laptop.work / "train.py").write_text(TRAIN)
    (laptop.work / ".gitignore").write_text("ignored.bin\n")
    (laptop.work / "ignored.bin").write_bytes(b"x" * 1000)

    name = laptop.run("box", "python3", "train.py", "--lr", "1e-3", options=["--pull", "out/**"])
    laptop.lt("wait", name)

    job = laptop.job(name)
    assert (job["state"], job["exit_code"]) == ("succeeded", 0)
    assert laptop.log(name) == b"lr 1e-3\n"
    assert laptop.metrics(name, "loss") == {1: 1.0, 2: 0.5, 3: 1 / 3, 4: 0.25, 5: 0.2, 6: 0.125}
    code = box.root / "jobs" / job["id"] / "1" / "code"
    assert (code / "train.py").exists() and not (code / "ignored.bin").exists()
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 30, "pulled")
    home = laptop.home / "runs" / name
    pulled = [path for path in home.rglob("weights.bin") if ".lt" not in path.relative_to(home).parts]
    assert [path.read_bytes() for path in pulled] == [bytes(range(256)) * 1000]
    assert not list(home.rglob("scratch.bin"))


def test_code_edited_right_after_submit_does_not_change_what_runs(laptop: Laptop, box: SshHost) -> None:
    script = laptop.work / "say.py"
    script.write_text("print('as submitted')\n")
    laptop.lt("host", "check", "box", code=None)
    port = box.sshd.port
    box.sshd.stop()  # so that nothing can travel before the edit
    name = laptop.run("box", "python3", "say.py")
    script.write_text("print('edited later')\n")
    (laptop.work / "new.py").write_text("")
    box.sshd.start(port)

    laptop.lt("wait", name)
    assert laptop.log(name) == b"as submitted\n"
    code = box.root / "jobs" / laptop.job(name)["id"] / "1" / "code"
    assert sorted(tree_hashes(code)) == ["say.py"]


def test_a_failing_script_is_told_by_its_exit_code_and_the_logs_tail(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sh", "-c", "echo the reason; exit 7")
    laptop.lt("wait", name, code=1)
    job = laptop.job(name)
    assert (job["state"], job["reason"], job["exit_code"]) == ("failed", "exit_code", 7)
    assert "the reason" in laptop.lt("logs", name).stdout
    assert "7" in laptop.lt("show", name).stdout


def test_arguments_reach_the_script_as_they_were_typed(laptop: Laptop, box: SshHost) -> None:
    odd = ["a b", "it's", '"quoted"', "$HOME", "*", "new\nline", "", "ü 中文", "--json", "\\"]
    (laptop.work / "args.py").write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    name = laptop.run("box", "python3", "args.py", *odd)
    laptop.lt("wait", name)
    assert json.loads(laptop.log(name)) == odd


def test_jobs_wait_their_turn_in_the_order_they_came(laptop: Laptop, box: SshHost) -> None:
    order = box.sshd.home / "order"
    names = [laptop.run("box", "sh", "-c", f'echo {n} >> "{_quoted(order)}"') for n in range(5)]
    for name in names:
        laptop.lt("wait", name)
    assert order.read_text().split() == ["0", "1", "2", "3", "4"]


def test_the_local_host_runs_the_same_way(laptop: Laptop, tmp_path: Path) -> None:
    (laptop.home / "hosts.toml").write_text(
        f'[hosts.local]\nroot = "{tmp_path / "local root"}"\nlease_dir = "{tmp_path / "lease"}"\n'
    )
    name = laptop.run("local", "sh", "-c", "mkdir out; echo here > out/x", options=["--pull", "out/**"])
    laptop.lt("wait", name)
    until(lambda: laptop.job(name)["pull_state"] == "pulled", 30, "pulled")
    assert [path.read_text() for path in (laptop.home / "runs" / name).rglob("x")] == ["here\n"]


def test_a_removed_job_leaves_no_file_on_the_host_and_is_refused_while_it_runs(laptop: Laptop, box: SshHost) -> None:
    name = laptop.run("box", "sleep", "600")
    job = laptop.wait_state(name, "running")
    refused = laptop.lt("rm", name, code=None)
    assert refused.returncode != 0 and name in refused.stderr
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled")
    laptop.lt("rm", name)
    until(lambda: not (box.root / "jobs" / job["id"]).exists(), 20, "the job's folder on the host is gone")
    assert name not in laptop.lt("ps", "-a").stdout


def test_a_submit_returns_at_once_although_the_host_is_slow_to_answer(laptop: Laptop, box: SshHost) -> None:
    laptop.lt("host", "check", "box", code=None)
    box.sshd.stop()
    began = time.monotonic()
    name = laptop.run("box", "true")
    assert time.monotonic() - began < 60  # to find out that a host is gone takes longer, and is not waited for
    assert name in laptop.lt("ps").stdout
    laptop.lt("stop", name)
    laptop.wait_state(name, "cancelled")


def _quoted(path: Path) -> str:
    """For use between double quotes in sh."""
    text = str(path)
    for letter in '\\"$`':
        text = text.replace(letter, "\\" + letter)
    return text
