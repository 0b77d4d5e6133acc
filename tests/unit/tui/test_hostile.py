"""Text from a host reaches the terminal harmless, through every screen, on a real pty."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.sample_fleet import SampleFleet

from support.pty_app import PtyApp

# What a terminal must never get from a host: erase, clipboard, title, DCS, C1, direction override.
EVIL = (
    "EVIL\x1b[2J\x1b]52;c;aGVsbG8=\x07\x1b]0;owned\x07\x1bP+q544e\x1b\\\x9b2J\x9d52;c;eA==\x9c\x90q\x9c\u202egnp[/][b]"
)
#: Sequences of the app's own begin so; the payloads below are in none of them.
PAYLOADS = (b"\x1b]52", b"aGVsbG8", b"\x1b]0;owned", b"+q544e", b"\xc2\x9b", b"\xc2\x9d", b"\xc2\x90", b"\xe2\x80\xae")


def test_nothing_of_a_host_controls_the_terminal(tmp_path: Path) -> None:
    fleet = SampleFleet(tmp_path / "home")
    job = fleet.jobs[0]
    db = fleet.db
    db.execute("UPDATE jobs SET name='EVILjob', message=?, recipe=?, method=? WHERE id=?", (EVIL, EVIL, EVIL, job))
    db.execute("UPDATE jobs SET message=? WHERE state='failed'", (EVIL,))
    db.execute("UPDATE jobs SET message=? WHERE state='waiting'", (EVIL,))
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

    terminal = PtyApp(tmp_path, fleet.home.path)
    try:
        terminal.until(b"EVILjob")
        terminal.type(":job EVILjob\r")
        terminal.until(b"LAST")
        for number in b"2345671":
            terminal.type(chr(number))
            terminal.settle()
        terminal.type("m")
        terminal.settle()
        terminal.type("\x1b")
        for place in ("host a100", "queue", "data", "events", "recipes", "submit", "settings", "help", "fleet"):
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
