"""People are told of a real job's end by a real controller, also by the one that follows a dead one."""

from __future__ import annotations

import json

from support.hooks import OK, Got, hooks
from support.laptop import Laptop
from support.sshd import SshHost
from support.wait import until

TOKEN = "T0815-geheim"
CONFIG = """\
# the lab's group
[notify.lab]
to = "slack"
url_secret = "LAB_HOOK_TOKEN"   # so the controller is started without it
"""


def test_an_end_is_told_although_the_controller_dies_while_it_tells(laptop: Laptop, box: SshHost) -> None:
    def answer(got: Got, number: int) -> tuple[int, bytes]:
        if number == 0:
            laptop.kill_controller()  # the service has it, and nobody could write that down
        return OK["slack"]

    with hooks(answer) as server:
        laptop.variables |= {"LAB_HOOK_TOKEN": f"{server.url}/{TOKEN}", "no_proxy": "127.0.0.1"}
        (laptop.home / "config.toml").write_text(CONFIG)
        name = laptop.run("box", "sh", "-c", "exit 3")
        until(lambda: server.got and laptop.controller() is None, 90, "it was told, and the controller is dead")
        listed = laptop.lt("notify", "ls").stdout
        assert f"lt: {name} failed on box: exit code 3" in listed and "waiting" in listed
        tried = laptop.lt("notify", "test")  # starts a controller, and gives it the secret
        assert "has taken it" in tried.stderr
        until(lambda: json.loads(laptop.lt("notify", "ls", "--json").stdout)["deliveries"][0]["state"] == "sent", 60)
        told = [value["text"].splitlines()[0] for value in server.values]
        assert sorted(told) == sorted([f"lt: {name} failed on box: exit code 3"] * 2 + ["lt: this is a test"])
        laptop.wait_state(name, "failed")
    kept = [path for path in laptop.home.rglob("*") if path.is_file()]
    assert kept and not [path for path in kept if TOKEN.encode() in path.read_bytes()]


def test_a_slip_in_the_file_is_told_with_its_line(laptop: Laptop) -> None:
    (laptop.home / "config.toml").write_text(CONFIG.replace("slack", "slak"))
    refused = laptop.lt("notify", "ls", code=2)
    assert "3: notify.lab.to" in refused.stderr and "did you mean slack?" in refused.stderr
    (laptop.home / "config.toml").unlink()
    assert "nobody is told" in laptop.lt("notify", "ls").stderr
