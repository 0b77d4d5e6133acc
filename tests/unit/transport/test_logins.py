"""Logins that ask: over OpenSSH's own server where it can be made to, over a server on paramiko for many rounds."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home
from lt_controller.transport import transport_for
from lt_controller.transport.answers import Question
from lt_controller.transport.fabric_ssh import FabricTransport
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from support.asking_sshd import PASSWORD, AskingServer, Round, password_sshd
from support.sshd import SshHost, make_host, needs_sshd
from support.sshd import short_folder as short_folder
from support.wait import until

OTP = Round((("Verification code: ", True),), ("",), "Second factor", "From your phone")
SECRET = Round((("(me@lab) Password: ", False),), ("hush",))


class Person:
    """Answers from a list, and notes what was asked. `kept` is their memory."""

    def __init__(self, *answers: Sequence[str] | LtError, present: bool = True) -> None:
        self.answers = list(answers)
        self.present = present
        self.asked: list[Question] = []
        self.kept: dict[str, str] = {}

    def ask(self, question: Question) -> Sequence[str]:
        self.asked.append(question)
        answer = self.answers.pop(0)
        if isinstance(answer, LtError):
            raise answer
        return answer

    def recall(self, slot: str) -> str | None:
        return self.kept.get(slot)

    def keep(self, slot: str, secret: str) -> None:
        self.kept[slot] = secret

    def forget(self, slot: str) -> None:
        self.kept.pop(slot, None)

    def leaves(self) -> Person:
        self.present = False
        return self


@pytest.fixture(autouse=True)
def no_keys_of_the_tester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "person").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "lt").make()


@pytest.fixture(scope="module")
def by_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with password_sshd(tmp_path_factory.mktemp("password")) as made:
        yield made


def connected(host: Host, home: Home, person: Person) -> FabricTransport:
    transport = transport_for(host, home, person)
    assert isinstance(transport, FabricTransport)
    transport.connect()
    assert transport.run(["echo", "in"]).stdout == b"in\n"
    return transport


def failure(host: Host, home: Home, person: Person | None = None) -> LtError:
    with pytest.raises(LtError) as caught:
        transport_for(host, home, person).connect()
    return caught.value


@needs_sshd
def test_a_password_is_asked_once_and_lets_in_again_without_a_person(by_password: SshHost) -> None:
    person = Person([PASSWORD])
    transport = connected(by_password.host, by_password.home, person)
    assert not transport.alone and transport.logins[0].asked and not transport.logins[0].once
    transport.close()
    connected(by_password.host, by_password.home, person.leaves()).close()
    assert [question.kind for question in person.asked] == ["password"]
    assert person.asked[0].target == by_password.host.target


@needs_sshd
def test_a_wrong_password_is_asked_again_and_given_up_after_three(by_password: SshHost) -> None:
    person = Person(["wrong"], [PASSWORD])
    connected(by_password.host, by_password.home, person).close()
    assert [question.again for question in person.asked] == [False, True]
    error = failure(by_password.host, by_password.home, Person(["a"], ["b"], ["c"], ["d"]))
    assert (error.code, error.params["tries"]) == ("login_wrong", 3)


@needs_sshd
def test_without_a_person_the_host_is_said_to_need_one(by_password: SshHost) -> None:
    for nobody in (None, Person(present=False)):
        error = failure(by_password.host, by_password.home, nobody)
        assert error.code == "login_needed"
        assert "password" in error.params["methods"]


@needs_sshd
def test_a_password_that_was_changed_is_forgotten_after_one_try(by_password: SshHost) -> None:
    person = Person([PASSWORD])
    connected(by_password.host, by_password.home, person).close()
    (slot,) = person.kept
    person.kept[slot] = "the one of last year"
    assert failure(by_password.host, by_password.home, person.leaves()).code == "login_needed"
    assert not person.kept


@needs_sshd
def test_openssh_asks_through_pam_in_its_own_words(tmp_path: Path) -> None:
    ways = ("KbdInteractiveAuthentication yes", "PasswordAuthentication no", "PubkeyAuthentication no")
    with password_sshd(tmp_path / "pam", extra=ways, pam=True) as made:
        person = Person(["wrong"], [PASSWORD])
        connected(made.host, made.home, person).close()
        assert [question.kind for question in person.asked] == ["interactive", "interactive"]
        assert "assword" in person.asked[0].prompts[0].text and not person.asked[0].prompts[0].echo
        connected(made.host, made.home, person.leaves()).close()


@needs_sshd
def test_openssh_takes_a_key_and_then_a_password(tmp_path: Path) -> None:
    ways = ("PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    with password_sshd(tmp_path / "both", extra=ways) as made:
        host = replace(made.host, key=str(made.sshd.client_key))
        assert failure(host, made.home).code == "login_needed"
        person = Person([PASSWORD])
        assert not connected(host, made.home, person).alone
        connected(host, made.home, person.leaves()).close()


def test_several_rounds_are_asked_as_the_server_words_them(home: Home) -> None:
    with AskingServer([SECRET, OTP], codes=["123456"]) as server:
        person = Person(["hush"], ["123456"])
        transport = connected(server.host(home), home, person)
        first, second = person.asked
        assert first.prompts[0].text == "(me@lab) Password: " and not first.prompts[0].echo
        assert (second.title, second.instructions) == ("Second factor", "From your phone")
        assert second.prompts[0].echo
        assert transport.logins[0].once
        transport.close()


def test_what_works_only_once_is_not_kept_and_not_tried_again(home: Home) -> None:
    with AskingServer([SECRET, OTP], codes=["123456", "777777"]) as server:
        person = Person(["hush"], ["123456"])
        host = server.host(home)
        connected(host, home, person).close()
        assert not person.kept
        before = server.tries
        assert failure(host, home, person.leaves()).code == "login_needed"
        assert server.tries == before


def test_a_code_after_a_key_is_not_taken_for_a_password(home: Home, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    blob = Path(f"{key}.pub").read_text().split()[1]
    code = Round((("Code: ", False),), ("",))
    with AskingServer([code], codes=["1", "2"], key=blob) as server:
        host = server.host(home, key=str(key))
        person = Person(["1"])
        transport = connected(host, home, person)
        assert transport.logins[0].once and not person.kept
        transport.close()


def test_one_hidden_question_is_a_password_whatever_it_is_called(home: Home) -> None:
    with AskingServer([SECRET]) as server:
        person = Person(["hush"])
        host = server.host(home)
        connected(host, home, person).close()
        connected(host, home, person.leaves()).close()
        assert server.tries == 2 and len(person.asked) == 1


def test_an_answer_that_does_not_come_ends_the_login(home: Home) -> None:
    with AskingServer([SECRET]) as server:
        error = failure(server.host(home), home, Person(LtError("login_cancelled", host="asker")))
        assert error.code == "login_cancelled"
        assert server.logins == 0


def test_a_server_that_asks_for_ever_is_left(home: Home) -> None:
    with AskingServer([SECRET] * 50) as server:
        error = failure(server.host(home), home, Person(*[["hush"]] * 50))
        assert error.code == "login_failed" and server.tries < 30


@needs_sshd
def test_the_passphrase_of_a_key_is_asked_for(tmp_path: Path) -> None:
    made = make_host(tmp_path / "host")
    try:
        key = Path(str(made.host.key))
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open it ü", "-f", str(key)], check=True)
        person = Person(["no"], ["open it ü"])
        transport = connected(made.host, made.home, person)
        assert [(question.kind, question.key) for question in person.asked] == [("passphrase", str(key))] * 2
        assert not transport.alone
        transport.close()
        connected(made.host, made.home, person.leaves()).close()
        assert failure(made.host, made.home, Person(["x"], ["y"], ["z"])).code == "passphrase_wrong"
    finally:
        made.sshd.stop()


@needs_sshd
def test_a_certificate_beside_the_key_logs_in(tmp_path: Path) -> None:
    authority = tmp_path / "authority"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(authority)], check=True)
    made = make_host(tmp_path / "host", extra=[f'TrustedUserCAKeys "{authority}.pub"'])
    try:
        key = tmp_path / "id"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        host = replace(made.host, key=str(key))
        assert failure(host, made.home).code == "login_failed"
        sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", str(made.host.user), f"{key}.pub"]
        subprocess.run(sign, check=True)
        transport = transport_for(host, made.home)
        transport.connect()
        assert transport.alone and transport.run(["echo", "in"]).stdout == b"in\n"
        transport.close()
    finally:
        made.sshd.stop()


@needs_sshd
def test_a_certificate_that_only_the_agent_holds_logs_in(
    tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, key = tmp_path / "authority", tmp_path / "id"
    for path in (authority, key):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    made = make_host(tmp_path / "host", extra=[f'TrustedUserCAKeys "{authority}.pub"'])
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(short_folder / "agent")], stdout=subprocess.DEVNULL)
    try:
        sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", str(made.host.user), f"{key}.pub"]
        subprocess.run(sign, check=True)
        until(lambda: (short_folder / "agent").exists())
        monkeypatch.setenv("SSH_AUTH_SOCK", str(short_folder / "agent"))
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        key.unlink()
        transport = transport_for(replace(made.host, key=None), made.home)
        transport.connect()
        assert transport.alone and transport.run(["echo", "in"]).stdout == b"in\n"
        transport.close()
    finally:
        agent.terminate()
        agent.wait()
        made.sshd.stop()


@needs_sshd
def test_a_jump_that_wants_a_password_is_asked_for_and_passed(by_password: SshHost, tmp_path: Path) -> None:
    inner = make_host(tmp_path / "inner", lt_home=by_password.home.path)
    try:
        home = by_password.home
        HostsFile(home.hosts_file).add(replace(by_password.host, name="gate"))
        behind = replace(inner.host, name="behind", jump=("gate",))
        person = Person([PASSWORD])
        transport = connected(behind, home, person)
        assert [question.host for question in person.asked] == ["gate"]
        assert not transport.alone
        transport.close()
    finally:
        inner.sshd.stop()
