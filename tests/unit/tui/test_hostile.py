"""Text from a host reaches the terminal harmless, through every screen, on a real pty."""

from __future__ import annotations

import json
import re
from pathlib import Path

from benchmarks.sample_fleet import SampleFleet

from support.pty_app import PtyApp

# What a terminal must never get from a host: erase, clipboard, title, DCS, C1, direction override.
EVIL = (
    "EVIL\x1b[2J\x1b]52;c;aGVsbG8=\x07\x1b]0;owned\x07\x1bP+q544e\x1b\\\x9b2J\x9d52;c;eA==\x9c\x90q\x9c\u202egnp[/][b]"
)
#: A host whose processes, folders and login questions are of the same kind.
HOST = f"""
from lt_controller.client import Client
from lt_controller.client.holdings import parsed
from lt_controller.client.prompts import LoginPrompt, LoginQuestion, LoginResult
EVIL = {EVIL!r}
entry = dict(pid=1, user=EVIL, name="EVILprocess" + EVIL, memory=1, gpu_memory=1, cpu=1.0, age=1.0, job=EVIL)
item = dict(kind=EVIL, name=EVIL, detail=EVIL, size=5, used=1.7e9)
told = dict(processes=[entry], disk=dict(items=[item, dict(item, kind="env")]))
question = LoginQuestion(EVIL, EVIL, "interactive", (LoginPrompt("EVILprompt" + EVIL),), EVIL, EVIL, EVIL)
Client.probe = lambda self, name: {{}}
Client.holdings = lambda self, name, disk=True: parsed(told, {{}})
Client.login = lambda self, name, answer, **more: answer(question) and None or LoginResult(True, True, "")
"""
#: Sequences of the app's own begin so; the payloads below are in none of them.
PAYLOADS = (b"\x1b]52", b"aGVsbG8", b"\x1b]0;owned", b"+q544e", b"\xc2\x9b", b"\xc2\x9d", b"\xc2\x90", b"\xe2\x80\xae")


def test_nothing_of_a_host_controls_the_terminal(tmp_path: Path) -> None:
    fleet = SampleFleet(tmp_path / "home")
    job = fleet.jobs[0]
    db = fleet.db
    db.execute("UPDATE jobs SET name='EVILjob', message=?, recipe=?, method=? WHERE id=?", (EVIL, EVIL, EVIL, job))
    db.execute("UPDATE jobs SET message=? WHERE state='failed'", (EVIL,))
    waits = {"code": EVIL, "params": {"wanted": EVIL}}
    db.execute("UPDATE jobs SET message=?, waits=? WHERE state='waiting'", (EVIL, json.dumps(waits)))
    foreign = json.dumps({"code": "foreign", "params": {"wanted": 1, "gpus": EVIL}})
    db.execute("UPDATE jobs SET waits=? WHERE name LIKE 'tiny%' AND waits IS NOT NULL", (foreign,))
    db.execute("UPDATE jobs SET spec=json_set(spec, '$.recipe.model.name_or_path', ?) WHERE id=?", (EVIL, job))
    db.execute("UPDATE hosts SET activity=?", (EVIL,))
    db.execute("UPDATE facts SET data=json_set(data, '$.system', ?, '$.driver', ?, '$.gpus[0].name', ?)", (EVIL,) * 3)
    db.execute("UPDATE checkpoints SET name=name||?, path=?", (EVIL, EVIL))
    db.execute("UPDATE transfers SET what=?", (EVIL,))
    db.execute("UPDATE datasets SET name=name||?, source=?", (EVIL, EVIL))
    db.execute("UPDATE events SET params=json_set(params, '$.name', ?, '$.python', ?)", (EVIL, EVIL))
    fleet.insert("events", job_id=job, attempt=1, seq=999, code=EVIL, params={EVIL: EVIL}, time="2030-01-01T00:00:00Z")
    fleet.insert("metrics", job_id=job, attempt=1, name=EVIL, step=1, value=1.0, time="2030-01-01T00:00:00Z")
    fleet.add_log(job, EVIL.encode() + b"\nLAST\n")
    fleet.close()

    terminal = PtyApp(tmp_path, fleet.home.path, before=HOST)
    try:
        terminal.until(b"EVILjob")
        terminal.type(":job EVILjob\r")
        terminal.until(b"LAST")
        for number in b"2345671":
            terminal.type(chr(number))
            terminal.settle()
        for key in "mc":
            terminal.type(key)
            terminal.settle()
            terminal.type("\x1b")
            terminal.settle()
        terminal.type("2T")
        terminal.settle()
        terminal.type(":host a100\r")
        terminal.settle()
        terminal.type("P2")
        terminal.until(b"EVILprocess")
        for number in b"345":
            terminal.type(chr(number))
            terminal.settle()
        terminal.type("l")
        terminal.until(b"EVILprompt")
        terminal.type("\x1b")
        terminal.settle()
        for place in ("run", "queue", "data", "events", "recipes", "submit", "settings", "help", "fleet"):
            terminal.type(f":{place}\r")
            terminal.settle()
        terminal.type("x")
        terminal.settle()
        terminal.type("n\x10EVIL")
        terminal.settle()
    finally:
        terminal.close()
    assert b"EVIL" in terminal.seen
    for payload in PAYLOADS:
        assert payload not in terminal.seen, payload
    # The app erases the screen by its own means at start and end; never in the middle of a line of text.
    assert not re.search(rb"EVIL[^\n]{0,20}\x1b\[2J", terminal.seen)
