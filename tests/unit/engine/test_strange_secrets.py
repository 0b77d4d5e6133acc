"""A job that is known from its host's word alone gets no secret that nobody here has named for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import JobSpec, to_dict
from lt_agent.protocol.ulid import new_ulid
from lt_controller import keychain
from lt_controller.engine.vault import Confiding, Vault
from lt_controller.store import confided, jobs, recovered
from support.desk import Desk

SPEC = JobSpec(job=new_ulid(), attempt=1, name="j", owner="me", kind="command", argv=("true",), secrets=("A", "B"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk whose keyring has everything."""
    monkeypatch.setattr(keychain, "get", lambda name: f"{name} of the keyring")
    made = Desk(tmp_path)
    yield made
    made.close()


def sent(desk: Desk, vault: Vault | None = None) -> dict[str, Any]:
    """What a start of the job would take along."""
    confiding = Confiding("box", desk.writer, None, vault or Vault())  # type: ignore[arg-type]
    return dict(confiding.with_start(SPEC.job, ["A", "B"]).get("secrets", {}))


def recover(desk: Desk, spec: JobSpec = SPEC) -> None:
    desk.writer.run("jobs", recovered.add_job, "box", "me", {spec.attempt: spec}, "j")


def names(desk: Desk) -> list[str]:
    ((spec,),) = desk.rows("SELECT spec FROM jobs")
    return list(json.loads(spec)["secrets"])


def test_what_a_host_invents_is_not_looked_up_in_the_keyring(desk: Desk) -> None:
    recover(desk)
    assert names(desk) == ["A", "B"] and sent(desk) == {}
    desk.writer.run("", confided.agree, SPEC.job, ["B", "C"])
    assert sent(desk) == {"B": "secret:B of the keyring"}


def test_what_was_submitted_here_gets_what_it_names(desk: Desk) -> None:
    desk.writer.run("jobs", jobs.take_submit, "i", {"spec": to_dict(SPEC), "host": "box"})
    assert set(sent(desk)) == {"A", "B"}


def test_a_host_cannot_add_to_the_secrets_of_a_job_that_was_submitted_here(desk: Desk) -> None:
    mine = replace(SPEC, secrets=("A",))
    desk.writer.run("jobs", jobs.take_submit, "i", {"spec": to_dict(mine), "host": "box"})
    recover(desk, replace(SPEC, attempt=2, secrets=("A", "B", "BANK")))
    assert desk.rows("SELECT attempt FROM jobs") == [(2,)] and names(desk) == ["A"]


def test_a_person_has_to_name_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    recover(desk)
    vault = Vault()

    def handle(request: dict[str, Any]) -> Any:
        if request["op"] == "confide":
            vault.give(request["job"], request["values"])
            desk.writer.run("", confided.agree, request["job"], list(request["values"]))
        return {}

    monkeypatch.setattr(desk.client, "_handle", handle)
    with pytest.raises(LtError) as refused:
        desk.client.give_secrets(SPEC.job)
    assert (refused.value.code, refused.value.params["names"]) == ("secrets_of_host", ["A", "B"])
    with pytest.raises(LtError, match="no_secrets"):
        desk.client.give_secrets(SPEC.job, only=["C"])
    desk.client._confide_again(SPEC.job)  # as a resume does
    assert sent(desk, vault) == {}
    assert desk.client.give_secrets(SPEC.job, only=["B"]) == ["B"]
    assert set(sent(desk, vault)) == {"B"}
    assert desk.client.give_secrets(SPEC.job, only=["A"]) == ["A"]
    assert set(sent(desk, vault)) == {"A", "B"} and desk.client.give_secrets(SPEC.job) == ["A", "B"]
