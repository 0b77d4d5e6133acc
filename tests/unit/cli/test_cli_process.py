"""The command as a process: quick, quiet, and never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.store import Store
from support.wait import until

LT = Path(sys.executable).with_name("lt")
HEAVY = (
    "fabric",
    "paramiko",
    "torch",
    "transformers",
    "textual",
    "sqlite_utils",
    "pydantic",
    "rich",
    "tomlkit",
    "yaml",
)


@pytest.fixture
def environment(store: Store) -> dict[str, str]:
    return {**os.environ, "LT_HOME": str(store.home.path), "LT_LANG": "en", "LT_LINGER": "3", "PYTHONFAULTHANDLER": "1"}


def run(*words: str, env: dict[str, str], **named: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(LT), *words], env=env, capture_output=True, text=True, timeout=60, check=False, **named)  # type: ignore[call-overload, no-any-return]


def imported(*words: str, env: dict[str, str]) -> set[str]:
    """The top-level modules that `lt WORDS` has loaded when it ends."""
    code = "import sys; from lt_controller.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *words], env=env, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("words", [["--help"], ["ps"], ["ps", "-a", "--json"], ["logs", "j"], ["host", "--help"]])
def test_light_commands_load_nothing_heavy(words: list[str], store: Store, environment: dict[str, str]) -> None:
    store.log(store.job("j", "succeeded"), b"x\n")
    assert not imported(*words, env=environment) & set(HEAVY)


def test_the_client_loads_no_recipes_and_no_ssh(environment: dict[str, str]) -> None:
    code = "import sys, lt_controller.client; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not {name.partition(".")[0] for name in loaded} & {*HEAVY, "click", "subprocess", "hashlib"}
    shown = ("details", "stages", "trials", "channels", "prompts", "homecoming")  # by a command each, not by a start
    assert not loaded & {"lt_agent.protocol.records", *(f"lt_controller.client.{name}" for name in shown)}


def test_help_lists_every_command_of_the_table(environment: dict[str, str]) -> None:
    from lt_controller.cli.root import COMMANDS

    out = run("--help", env=environment).stdout
    assert all(f"\n  {name} " in out for name in COMMANDS)
    done = run("submit", "--help", env=environment)  # each one's page: test_help
    assert done.returncode == 0 and "Usage: lt submit" in done.stdout, done.stderr


def test_lt_alone_tells_what_there_is(environment: dict[str, str]) -> None:
    done = run(env=environment)
    assert done.returncode == 0 and "First steps:" in done.stdout


def test_a_misspelt_command_is_answered_with_the_nearest(environment: dict[str, str]) -> None:
    done = run("sumbit", env=environment)
    assert done.returncode == 2 and "Did you mean submit" in done.stderr


def test_an_option_of_ones_own_command_needs_the_dashes(environment: dict[str, str]) -> None:
    done = run("run", "local", "python", "train.py", "--lr", "1e-3", env=environment)
    assert done.returncode == 2 and "put -- before the command" in done.stderr


def test_a_closed_pipe_is_no_error(store: Store, environment: dict[str, str]) -> None:
    job = store.job("j", "succeeded")
    for _ in range(50):
        store.log(job, b"a line of some length\n" * 1000)
    process = subprocess.Popen([str(LT), "logs", "j"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""


def test_an_interrupt_while_it_is_being_loaded_is_no_traceback(environment: dict[str, str]) -> None:
    code = """
import sys
class Press:
    def find_spec(self, name, path=None, target=None):
        if name == "lt_controller.cli.root":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Press())
from lt_controller.cli import main
sys.exit(main(["ps"]))
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def test_without_a_stdout_it_does_its_work(environment: dict[str, str]) -> None:
    done = subprocess.run(["/bin/sh", "-c", '"$0" ps >&-', str(LT)], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_raw_gives_the_bytes_as_they_are(store: Store, environment: dict[str, str]) -> None:
    data = bytes(range(256)) * 10
    store.log(store.job("j", "succeeded"), data)
    done = subprocess.run([str(LT), "logs", "j", "--raw"], env=environment, capture_output=True, check=True)
    assert done.stdout == data


def test_interrupting_a_follow_leaves_the_job_running_and_says_so(store: Store, environment: dict[str, str]) -> None:
    from lt_controller.engine.server import Server

    server = Server(store.home.controller_sock, lambda request: {})
    try:
        store.log(store.job("j"), b"first line\n")
        process = subprocess.Popen(
            [str(LT), "logs", "j", "-f"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "first line\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130 and "j goes on without you: lt logs j -f" in err
        assert not list(store.db.execute("SELECT 1 FROM intents"))
    finally:
        server.close()


def test_a_fault_of_ours_leaves_a_file_and_a_line(store: Store, environment: dict[str, str]) -> None:
    code = (
        "import sys; from lt_controller.client import Client; Client.jobs = lambda *a, **k: 1 / 0;"
        "from lt_controller.cli import main; sys.exit(main(['ps']))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "ZeroDivisionError" in done.stderr
    (written,) = store.home.logs.iterdir()
    assert str(written) in done.stderr and "Traceback" in written.read_text()


def test_an_unusable_home_is_told(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "file").write_text("")
    done = run("controller", "start", env={**environment, "LT_HOME": str(tmp_path / "file" / "home")})
    assert done.returncode == 1 and "can't be used" in done.stderr and "LT_HOME" in done.stderr


def test_recipes_are_listed_shown_made_and_checked(environment: dict[str, str], tmp_path: Path) -> None:
    assert "tiny-sft" in run("recipe", "ls", env=environment).stdout
    assert "method: sft" in run("recipe", "show", "tiny-sft", env=environment).stdout
    mine = tmp_path / "mine.yaml"
    assert run("recipe", "new", str(mine), "--from", "tiny-sft", env=environment).returncode == 0
    assert run("recipe", "new", str(mine), env=environment).returncode == 2
    assert run("recipe", "check", str(mine), env=environment).returncode == 0
    mine.write_text(mine.read_text().replace("learning_rate", "learning_rat").replace("max_steps: ", "max_steps: x"))
    done = run("recipe", "check", str(mine), env=environment)
    assert done.returncode == 2 and "learning_rate" in done.stderr and done.stderr.count("mine.yaml:") == 2
    assert run("recipe", "show", "tiny-stf", env=environment).returncode == 2


def test_a_listing_of_a_thousand_jobs_has_them_all(store: Store, environment: dict[str, str]) -> None:
    store.db.execute("BEGIN")
    for number in range(1000):
        store.job(f"job-{number:04d}", "running")
    store.db.execute("COMMIT")
    told = run("ps", env=environment).stdout  # how long it takes is measured by `make bench`
    assert all(f"job-{number:04d}" in told for number in range(1000))


def test_a_controller_starts_for_a_command_and_stops_on_request(environment: dict[str, str]) -> None:
    assert run("controller", "status", env=environment).returncode == 1
    assert run("controller", "start", env=environment).returncode == 0
    assert '"running": true' in run("controller", "status", "--json", env=environment).stdout
    assert run("controller", "stop", env=environment).returncode == 0
    until(lambda: run("controller", "status", env=environment).returncode == 1, 10)
