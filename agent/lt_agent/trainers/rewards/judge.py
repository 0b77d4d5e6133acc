"""A judge behind an OpenAI-compatible API: asked once per distinct question and answer, and not too often a minute."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Mapping

from lt_agent.protocol.files import append_line

from ..failures import TrainingFailure
from ..job import say

PROMPT = """You grade answers. The question:
{prompt}

The answer to grade:
{completion}

The answer that is known to be right, if any:
{answer}

Reply with a number from 0 (useless or wrong) to 10 (correct and complete), and nothing else."""

_TRIES, _WAITS = 4, (1.0, 4.0, 15.0)  # seconds
_PATIENCE = 20  # answers in a row that nobody could grade


class Judge:
    """`type: judge`. A grade is the first number of the reply over `scale`, between 0 and 1; None if there is none."""

    def __init__(self, entry: Mapping[str, Any], cache: Path) -> None:
        self._url = str(entry["base_url"]).rstrip("/") + "/chat/completions"
        self._model = str(entry["model"])
        self._prompt = str(entry.get("prompt") or PROMPT)
        self._scale = float(entry.get("scale") or 10)
        self._timeout = float(entry.get("timeout") or 60)
        self._at_once = int(entry.get("at_once") or 4)
        self._rate = _Rate(float(entry.get("requests_per_minute") or 0))
        variable = str(entry.get("api_key_env") or "")
        self._key = os.environ.get(variable, "") if variable else ""
        if variable and not self._key:
            raise TrainingFailure("bad_recipe", f"rewards: judge: the job has no variable {variable} with the key")
        self._cache_file = cache
        self._cache = _read_cache(cache)
        self._lock = threading.Lock()
        self._failed = 0

    def scores(self, prompts: list[str], completions: list[str], answers: list[Any]) -> list[float | None]:
        """A grade per completion. Raises TrainingFailure `exception` when the judge does not answer any more."""
        texts = [
            self._prompt.replace("{prompt}", p)
            .replace("{completion}", c)
            .replace("{answer}", "" if a is None else str(a))
            for p, c, a in zip(prompts, completions, answers)
        ]
        asked = list(dict.fromkeys(text for text in texts if self._name(text) not in self._cache))
        with ThreadPoolExecutor(self._at_once) as pool:
            list(pool.map(self._ask, asked))
        if self._failed >= _PATIENCE:
            raise TrainingFailure("exception", f"the judge at {self._url} failed {self._failed} times in a row")
        return [self._cache.get(self._name(text)) for text in texts]

    def _name(self, text: str) -> str:
        return hashlib.sha256(f"{self._model}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()

    def _ask(self, text: str) -> None:
        body = {"model": self._model, "messages": [{"role": "user", "content": text}], "temperature": 0}
        try:
            reply = self._post(json.dumps(body).encode())
            grade = grade_in(reply["choices"][0]["message"]["content"], self._scale)
        except (OSError, http.client.HTTPException, ValueError, KeyError, IndexError, TypeError) as error:
            say(f"the judge gave no grade: {type(error).__name__}: {str(error)[:200]}")
            grade = None
        with self._lock:
            self._failed = 0 if grade is not None else self._failed + 1
            if grade is not None:
                name = self._name(text)
                self._cache[name] = grade
                append_line(self._cache_file, {"question": name, "grade": grade})

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        for attempt in range(_TRIES):
            self._rate.wait()
            try:
                request = urllib.request.Request(self._url, body, headers)  # noqa: S310 — the schema wants http(s)
                with urllib.request.urlopen(request, timeout=self._timeout) as reply:  # noqa: S310
                    return json.load(reply)
            except urllib.error.HTTPError as error:
                if attempt == _TRIES - 1 or (error.code != 429 and error.code < 500):
                    raise
                after = error.headers.get("Retry-After", "")
                time.sleep(min(60.0, float(after)) if after.isdigit() else _WAITS[attempt])
            except (urllib.error.URLError, TimeoutError):
                if attempt == _TRIES - 1:
                    raise
                time.sleep(_WAITS[attempt])
        raise OSError("no reply")


class _Rate:
    """At most so many requests a minute, evenly spread; 0 is no limit."""

    def __init__(self, per_minute: float) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleeps until the caller's turn."""
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + self._gap
        time.sleep(max(0.0, turn - time.monotonic()))


def grade_in(text: str, scale: float) -> float | None:
    """The first number of a reply over `scale`, within 0 and 1."""
    found = re.search(r"-?\d+(?:\.\d+)?", text)
    return min(1.0, max(0.0, float(found[0]) / scale)) if found else None


def _read_cache(file: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                value = json.loads(line)
                found[value["question"]] = float(value["grade"])
            except (ValueError, KeyError, TypeError):
                continue  # the last line of an attempt that was cut
    return found
