"""What a person does stands in the audit: by which command, and without any secret."""

from __future__ import annotations

import csv
import json
import sqlite3
import threading
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.client import Client
from lt_controller.client.acts import acting, command_line, masked
from lt_controller.client.database import write_intent
from lt_controller.store.schema import open_writable


@pytest.fixture
def client(tmp_path: Path) -> Client:
    found = Client(tmp_path / "home")
    found.home.make()
    return found


def host(client: Client, name: str = "box") -> None:
    client.add_host(client.make_host(name, {"address": "10.0.0.1", "index_url": "https://ann:pw@mirror/simple"}))


def test_editing_the_inventory_is_recorded_in_order(client: Client) -> None:
    host(client)
    client.edit_host("box", {"slots": 2, "env": {"HF_TOKEN": "hf_verysecret"}})
    client.remove_host("box")
    found = client.audit()
    assert [(act.act, act.target) for act in found] == [(f"host {word}", "box") for word in ("add", "edit", "remove")]
    assert found[0].params["settings"]["index_url"] == "https://***@mirror/simple"
    assert found[1].params == {"changes": {"slots": 2, "env": ["HF_TOKEN"]}}
    assert "@" in found[0].who and found[0].time is not None
    assert b"hf_verysecret" not in client.home.database.read_bytes()


def test_an_act_that_failed_is_not_recorded(client: Client) -> None:
    host(client)
    with pytest.raises(LtError, match="host_exists"):
        host(client)
    with pytest.raises(RuntimeError), acting(client.home, "host edit", "box"):
        raise RuntimeError("the disk is full")
    assert len(client.audit()) == 1


def test_an_intent_and_its_row_are_one_transaction(client: Client) -> None:
    open_writable(client.home.database).close()
    spec = {"name": "a-job", "secrets": ["HF_TOKEN"]}
    write_intent(client.home.database, "submit", "01J", {"spec": spec, "host": "box", "pull": "all"}, "a-job")
    with pytest.raises(LtError, match="name_taken"):
        write_intent(client.home.database, "submit", "01K", {"spec": spec, "host": "box"}, "a-job")
    [act] = client.audit(act="submit")
    assert act.target == "a-job"
    assert act.params["host"] == "box" and act.params["secrets"] == ["HF_TOKEN"] and len(act.params["spec"]) == 64


def test_many_at_once_make_one_chain(client: Client) -> None:
    open_writable(client.home.database).close()

    def act(number: int) -> None:
        for _ in range(5):
            write_intent(client.home.database, "stop", f"job-{number}", {"by": "ann"})

    threads = [threading.Thread(target=act, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = client.verify_audit()
    assert state.whole and state.rows == 20


def test_a_head_noted_elsewhere_shows_that_the_end_was_cut_off(client: Client) -> None:
    host(client)
    client.edit_host("box", {"slots": 2})
    head = client.verify_audit().head
    client.edit_host("box", {"slots": 3})
    assert client.verify_audit(head).whole
    client.close()
    with sqlite3.connect(client.home.database) as db:
        db.execute("DROP TRIGGER audit_never_forgets")
        db.execute("DELETE FROM audit WHERE seq > 1")
    assert client.verify_audit().whole  # by itself the rest looks whole
    assert not client.verify_audit(head).whole


def test_the_whole_can_be_taken_elsewhere(client: Client, tmp_path: Path) -> None:
    host(client)
    client.edit_host("box", {"note": 'a "quoted", note'})
    assert client.export_audit("json", tmp_path / "audit.json") == 2
    assert client.export_audit("csv", tmp_path / "audit.csv") == 2
    rows = json.loads((tmp_path / "audit.json").read_text())
    with (tmp_path / "audit.csv").open(newline="") as file:
        assert [row["hash"] for row in csv.DictReader(file)] == [row["hash"] for row in rows]
    with pytest.raises(LtError, match="audit_not_written"):
        client.export_audit("csv", tmp_path / "nowhere" / "audit.csv")


def test_acts_are_found_by_kind_and_person(client: Client) -> None:
    host(client)
    user = client.audit()[0].who.split("@")[0]
    assert len(client.audit(act="host")) == len(client.audit(act="host add")) == len(client.audit(who=user)) == 1
    assert client.audit(act="hos") == client.audit(who="somebody-else") == []


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["submit", "box", "sft", "env.variables.HF_TOKEN=hf_x"], "submit box sft 'env.variables.HF_TOKEN=***'"),
        (["run", "box", "--", "train", "--wandb-api-key", "abc", "--lr", "1"], "--wandb-api-key '***' --lr 1"),
        (["run", "box", "--", "env", "MY_PASSWORD=x y", "train"], "env 'MY_PASSWORD=***' train"),
        (["run", "box", "--secret", "HF_TOKEN", "--", "a"], "run box --secret HF_TOKEN -- a"),
        (["run", "box", "--secret=HF_TOKEN"], "run box --secret=HF_TOKEN"),
        (["run", "box", "--", "gen", "--max-tokens", "5", "tokenizer=x"], "gen --max-tokens 5 tokenizer=x"),
        (["host", "edit", "box", "--env", "PLAIN=value"], "--env 'PLAIN=***'"),
        (["host", "edit", "box", "--env=PLAIN=value"], "'--env=PLAIN=***'"),
        (["host", "edit", "box", "--proxy", "http=http://me:pw@proxy:3128"], "'http=http://***@proxy:3128'"),
    ],
)
def test_what_looks_like_a_secret_is_masked(words: list[str], shown: str) -> None:
    line = command_line(["/usr/bin/lt", *words])
    assert line.startswith("lt ") and shown in line


def test_values_under_telling_names_are_masked() -> None:
    assert masked({"hf_token": "x", "secrets": ["HF_TOKEN"], "deep": {"password": "x", "n": 1}}) == {
        "hf_token": "***",
        "secrets": ["HF_TOKEN"],
        "deep": {"password": "***", "n": 1},
    }
