"""Rewards: what each looks at, code kept apart, a person's file, and a judge behind a real HTTP server."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lt_agent.trainers.failures import TrainingFailure
from lt_agent.trainers.rewards import names
from lt_agent.trainers.rewards.json_schema import check_schema, conforms
from lt_agent.trainers.rewards.judge import Judge, grade_in
from lt_agent.trainers.rewards.own import load_function
from lt_agent.trainers.rewards.sandbox import Sandbox, code_in, namespaces_work
from lt_agent.trainers.rewards.text import SCORES, number_in


@pytest.mark.parametrize(
    ("entry", "text", "answer", "score"),
    [
        ({"type": "exact_match"}, " Paris ", "Paris", 1.0),
        ({"type": "exact_match"}, "paris", "Paris", 0.0),
        ({"type": "exact_match", "ignore_case": True}, "paris", "Paris", 1.0),
        ({"type": "exact_match", "extract": r"<a>(.*?)</a>"}, "so <a>7</a>", "7", 1.0),
        ({"type": "exact_match"}, "x", None, None),
        ({"type": "numeric"}, "3 and 4 make 7", "7", 1.0),
        ({"type": "numeric"}, "it is \\boxed{1,234.5}, not 9", "1234.5", 1.0),
        ({"type": "numeric"}, "7 apples\n#### 8", "8", 1.0),
        ({"type": "numeric"}, "no number", "8", 0.0),
        ({"type": "numeric", "tolerance": 0.1}, "3.1", "3", 1.0),
        ({"type": "regex", "pattern": "^So"}, "So it is", None, 1.0),
        ({"type": "regex", "pattern": "^So"}, "It is so", None, 0.0),
        ({"type": "format"}, "<think>a</think><answer>b</answer>", None, 1.0),
        ({"type": "format"}, "<answer>b</answer><think>a</think>", None, 0.5),
        ({"type": "format", "tags": ["a"]}, "<a>x</a><a>y</a>", None, 0.0),
        ({"type": "length", "min": 4, "max": 10}, "ab", None, 0.5),
        ({"type": "length", "max": 10}, "a" * 15, None, 0.5),
        ({"type": "json_schema", "json_schema": {"type": "object"}}, '```json\n{"a": 1}\n```', None, 1.0),
        ({"type": "json_schema", "json_schema": {"type": "object"}}, "[1]", None, 0.0),
        ({"type": "json_schema", "json_schema": {"type": "object"}}, "none", None, 0.0),
    ],
)
def test_what_is_built_in(entry: dict[str, Any], text: str, answer: str | None, score: float | None) -> None:
    assert SCORES[entry["type"]](entry)(text, answer) == score


@pytest.mark.parametrize(
    ("text", "number"), [("a 3/4", 0.75), ("1e3", 1000.0), ("-2", -2.0), ("", None), ("1/0", None)]
)
def test_numbers_are_read_as_people_write_them(text: str, number: float | None) -> None:
    assert number_in(text) == number


SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 2}, "ages": {"type": "array", "items": {"type": "integer"}}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({"name": "ab", "ages": [1, 2.0]}, True),
        ({"name": "a"}, False),
        ({"ages": []}, False),
        ({"name": "ab", "ages": ["1"]}, False),
        ({"name": "ab", "more": 1}, False),
    ],
)
def test_a_schema_says_what_conforms(value: Any, good: bool) -> None:
    assert check_schema(SCHEMA) is None
    assert conforms(value, SCHEMA) is good


@pytest.mark.parametrize("schema", [{"oneOf": []}, {"type": "text"}, {"properties": {"a": {"pattern": "("}}}, 3])
def test_a_schema_that_can_not_be_checked_is_refused(schema: Any) -> None:
    assert check_schema(schema)


def test_rewards_of_one_type_have_names_of_their_own() -> None:
    assert names([{"type": "regex"}, {"type": "regex"}, {"type": "length", "name": "short"}]) == [
        "regex",
        "regex_2",
        "short",
    ]


def test_a_file_of_the_person_gives_the_function_and_is_told_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import helper\n\ndef reward(completions, **columns):\n    return [helper.ONE for c in completions]\n"
    )
    (tmp_path / "helper.py").write_text("ONE = 1.0\n")
    assert load_function(str(file), "reward")(completions=["a", "b"]) == [1.0, 1.0]
    with pytest.raises(TrainingFailure, match="has no function grade; it has reward"):
        load_function(str(file), "grade")
    file.write_text("1 / 0\n")
    with pytest.raises(TrainingFailure, match="ZeroDivisionError"):
        load_function(str(file), "reward")
    with pytest.raises(TrainingFailure, match="no file"):
        load_function(str(tmp_path / "none.py"), "reward")


apart = pytest.mark.skipif(not namespaces_work(), reason="this host gives no user namespaces")


@apart
def test_code_passes_by_its_tests_alone() -> None:
    answers = ["```python\ndef add(a, b):\n    return a + b\n```", "def add(a, b): return a", "import sys; sys.exit(0)"]
    assert Sandbox({}).scores([""] * 3, answers, ["assert add(1, 2) == 3"] * 3) == [1.0, 0.0, 0.0]


@apart
@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)",
        "open('{folder}/written', 'w')",
        "import os; os.remove('{folder}/kept')",
        "import os; assert 'PRECIOUS' not in os.environ; os.kill({pid}, 0)",
        "x = bytearray(1 << 30)",
        "while True: pass",
        "open('big', 'wb').write(bytes(64 << 20))",
    ],
)
def test_code_reaches_nothing_and_takes_no_more_than_its_limits(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.setenv("PRECIOUS", "1")
    (tmp_path / "kept").write_text("")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        program = code.format(port=server.server_port, folder=tmp_path, pid=os.getpid())
        begun = time.monotonic()
        assert not Sandbox({"timeout": 1.5}).passes(program)
    assert time.monotonic() - begun < 60
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@apart
def test_what_code_started_ends_with_it(tmp_path: Path) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(60)\n"
    begun = time.monotonic()
    assert Sandbox({"timeout": 5}).passes(code)
    assert time.monotonic() - begun < 55  # its child would sleep for 60


def test_where_code_can_not_be_kept_apart_it_is_refused_unless_the_recipe_insists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    namespaces_work.cache_clear()
    python = tmp_path / "bin"
    python.mkdir()
    monkeypatch.setenv("PATH", str(python))  # a host without unshare
    try:
        with pytest.raises(TrainingFailure, match="unsafe_code: true"):
            Sandbox({})
        assert Sandbox({"unsafe_code": True}).passes("x = 1")
        assert not Sandbox({"unsafe_code": True}).passes("assert False")
    finally:
        namespaces_work.cache_clear()


def test_the_last_block_of_an_answer_is_its_code() -> None:
    assert code_in("```python\na\n```\nbetter:\n```py\nb\n```") == "b\n"
    assert code_in("a = 1") == "a = 1"


class Api:
    """An OpenAI-compatible server: grades by the answer's length, and is busy as often as it is told to be."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.busy = 0
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if api.busy or not self.path.startswith("/v1/"):
                    self.send_response(429 if api.busy else 404)
                    api.busy = max(0, api.busy - 1)
                    self.send_header("Retry-After", "0")
                    self.end_headers()
                    return
                api.asked.append(body)
                api.keys.append(self.headers.get("Authorization"))
                grade = body["messages"][0]["content"].count("!")
                reply = json.dumps({"choices": [{"message": {"content": f"Grade: {grade}"}}]}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def judge(api: Api, cache: Path, **entry: Any) -> Judge:
    return Judge({"base_url": api.url, "model": "m", "prompt": "{prompt}|{completion}|{answer}", **entry}, cache)


def test_a_judge_is_asked_once_for_each_answer_also_after_a_restart(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE", "secret")
    cache = tmp_path / "judge.jsonl"
    first = judge(api, cache, api_key_env="JUDGE")
    assert first.scores(["q"] * 3, ["a!!", "a!!", "b!"], [None, None, "4"]) == [0.2, 0.2, 0.1]
    assert sorted(body["messages"][0]["content"] for body in api.asked) == ["q|a!!|", "q|b!|4"]
    assert set(api.keys) == {"Bearer secret"}
    assert judge(api, cache).scores(["q"], ["a!!"], [None]) == [0.2]
    assert len(api.asked) == 2
    assert "secret" not in cache.read_text()


def test_a_busy_judge_is_asked_again_and_one_that_is_gone_gives_no_grade(api: Api, tmp_path: Path) -> None:
    api.busy = 2
    assert judge(api, tmp_path / "c").scores(["q"], ["!!!"], [None]) == [pytest.approx(0.3)]
    gone = judge(api, tmp_path / "d", base_url=api.url.replace("/v1", "/gone"))
    assert gone.scores(["q"], ["!"], [None]) == [None]


def test_a_judge_is_not_asked_more_often_than_it_may_be(api: Api, tmp_path: Path) -> None:
    begun = time.monotonic()
    judge(api, tmp_path / "c", requests_per_minute=300).scores(["q"] * 4, ["a", "b", "c", "d"], [None] * 4)
    assert time.monotonic() - begun >= 3 * 60 / 300


def test_a_judge_without_its_key_is_refused(api: Api, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure, match="no variable NO_SUCH_KEY"):
        judge(api, tmp_path / "c", api_key_env="NO_SUCH_KEY")


@pytest.mark.parametrize(
    ("text", "grade"), [("8", 0.8), ("Grade: 7.5/10", 0.75), ("12", 1.0), ("-3", 0.0), ("?", None)]
)
def test_a_grade_is_the_first_number_of_the_reply(text: str, grade: float | None) -> None:
    assert grade_in(text, 10) == grade
