"""hosts.toml: what a person wrote stays, what is wrong is said with its line, what lt writes is read back the same."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host, local_host

BY_HAND = """\
# our boxes

[hosts.a100]          # the big one
address = "10.0.0.5"  # may move
port = 2222
user = "me"
labels = { rack = "3" }

# spare
[hosts.old-box]
address = "old.example.org"
"""

FULL = Host(
    name="full",
    address="2001:db8::1",
    user="me",
    port=2222,
    key="~/.ssh/my key",
    jump=("a100", "you@gate.example:2022"),
    root="/data/lt",
    lease_dir="/var/tmp/lab",
    slots=4,
    labels={"gpu": "a100", "room": "3"},
    price=1.9,
    until=datetime(2026, 12, 1, tzinfo=timezone(timedelta(hours=8))),
    python="/opt/conda/bin/python",
    index_url="https://mirror.example/simple",
    find_links=("/wheels",),
    hf_endpoint="https://hub.example",
    proxies={"https": "http://proxy:3128", "no": "localhost"},
    variables={"NCCL_DEBUG": "INFO"},
    note='says "hello"',
)


@pytest.fixture
def file(tmp_path: Path) -> HostsFile:
    return HostsFile(tmp_path / "lt" / "hosts.toml")


def written(file: HostsFile, text: str) -> HostsFile:
    file.path.parent.mkdir(exist_ok=True)
    file.path.write_text(text)
    return file


def problems(file: HostsFile) -> list[tuple[int, str, str]]:
    with pytest.raises(LtError) as caught:
        file.load()
    assert caught.value.code == "hosts_file_invalid"
    return [(p["line"], p["key"], p["hint"]) for p in caught.value.params["problems"]]


def test_no_file_means_only_the_built_in_host(file: HostsFile) -> None:
    assert file.load() == {"local": local_host()}


def test_what_a_person_wrote_is_read(file: HostsFile) -> None:
    hosts = written(file, BY_HAND).load()
    assert list(hosts) == ["a100", "old-box", "local"]
    assert hosts["a100"] == Host("a100", "10.0.0.5", user="me", port=2222, labels={"rack": "3"})


def test_every_setting_survives_a_round_trip(file: HostsFile) -> None:
    file.add(FULL)
    assert file.get("full") == FULL
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_comments_and_order_survive_every_change(file: HostsFile) -> None:
    written(file, BY_HAND)
    file.add(Host("new", "new.example"))
    file.update(replace(file.get("a100"), port=22022, slots=2, labels={}))
    file.remove("new")
    text = file.path.read_text()
    assert "# our boxes" in text and "# the big one" in text and "# may move" in text and "# spare" in text
    assert text.index("a100") < text.index("old-box")
    assert "22022" in text and "labels" not in text
    assert file.get("a100").slots == 2


def test_an_update_that_changes_nothing_changes_no_byte(file: HostsFile) -> None:
    written(file, BY_HAND)
    file.update(file.get("a100"))
    assert file.path.read_text() == BY_HAND


def test_all_problems_are_reported_at_once_with_their_lines(file: HostsFile) -> None:
    written(
        file,
        '[hosts.one]\naddress = "ok"\nprot = 22\nslots = 0\n\n[hosts.two]\nuser = "me"\n\n'
        '[hosts.three]\naddress = "a b"\n\n[hosts.three.env]\n"BAD-NAME" = "x"\n\n[host.four]\naddress = "x"\n',
    )
    assert problems(file) == [
        (3, "hosts.one.prot", "port"),
        (4, "hosts.one.slots", ""),
        (6, "hosts.two.address", ""),
        (10, "hosts.three.address", ""),
        (13, "hosts.three.env.BAD-NAME", ""),
        (15, "host", "hosts"),
    ]


def test_a_file_that_is_no_toml_is_reported_and_never_rewritten(file: HostsFile) -> None:
    written(file, '[hosts.one]\naddress = "ok"\nport = \n')
    assert [line for line, _, _ in problems(file)] == [3]
    with pytest.raises(LtError):
        file.add(Host("new", "x"))
    assert file.path.read_text().endswith("port = \n")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('address = "-oProxyCommand=x"', "address"),
        ('address = "a\\nb"', "address"),
        ('user = "a b"', "user"),
        ("port = 70000", "port"),
        ("port = true", "port"),
        ('key = ""', "key"),
        ('key = "a\\nb"', "key"),
        ('jump = ["-x"]', "jump"),
        ('root = "relative"', "root"),
        ('root = "~"', "root"),
        ('root = "/data/../etc"', "root"),
        ('price = "cheap"', "price"),
        ('until = "soon"', "until"),
        ('labels = ["a"]', "labels"),
        ('proxies = { ftp = "x" }', "proxies.ftp"),
    ],
)
def test_a_bad_value_is_named(file: HostsFile, line: str, key: str) -> None:
    first = "" if line.startswith("address") else 'address = "ok"\n'
    written(file, f"[hosts.one]\n{first}{line}\n")
    assert [found for _, found, _ in problems(file)] == [f"hosts.one.{key}"]


@pytest.mark.parametrize("name", ["local", "any", "a b", "-x", "", "a/b", "a\nb", "x" * 64])
def test_such_a_name_is_refused(file: HostsFile, name: str) -> None:
    with pytest.raises(LtError) as caught:
        file.add(Host(name, "ok"))
    assert caught.value.code == "bad_host_name"


def test_a_host_is_added_once(file: HostsFile) -> None:
    file.add(Host("one", "a"))
    with pytest.raises(LtError) as caught:
        file.add(Host("one", "b"))
    assert caught.value.code == "host_exists"
    assert file.get("one").address == "a"


def test_a_wrong_name_gets_the_nearest_one(file: HostsFile) -> None:
    written(file, BY_HAND)
    with pytest.raises(LtError) as caught:
        file.get("a10")
    assert (caught.value.code, caught.value.params["near"]) == ("no_such_host", "a100")


def test_settings_of_the_built_in_host_can_be_changed(file: HostsFile) -> None:
    file.update(replace(file.get("local"), slots=3))
    assert file.get("local") == local_host(slots=3)
    written(file, '[hosts.local]\naddress = "x"\n')
    assert [key for _, key, _ in problems(file)] == ["hosts.local.address"]


def test_ten_writers_at_once_lose_no_host(file: HostsFile) -> None:
    threads = [threading.Thread(target=file.add, args=(Host(f"h{n}", f"a{n}"),)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(file.load()) == {f"h{n}" for n in range(10)} | {"local"}


def test_a_file_is_parsed_again_when_it_has_changed(file: HostsFile) -> None:
    first = written(file, '[hosts.box]\naddress = "a"\n')
    os.utime(file.path, ns=(1, 1))  # an old one
    kept = first.load()["box"]
    assert first.load()["box"] is kept
    first.load().clear()  # what one was given is one's own
    assert HostsFile(file.path).load()["box"] is kept

    written(file, '[hosts.box]\naddress = "b"\n')  # of the same size
    assert file.load()["box"].address == "b"
    file.update(replace(kept, address="c"))
    assert file.load()["box"].address == "c"


def test_two_people_who_change_different_settings_lose_none(tmp_path: Path) -> None:
    file = HostsFile(tmp_path / "hosts.toml")
    file.add(Host("box", "box", price=1.0, note="old"))
    one = two = file.load()["box"]
    file.update(replace(one, price=2.0), ["price"])
    file.update(replace(two, slots=4, note=""), ["slots", "note"])
    found = file.load()["box"]
    assert (found.price, found.slots, found.note) == (2.0, 4, "")
