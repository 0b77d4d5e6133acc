"""Logging in where a person has to answer: passwords, passphrases, one-time codes. A part of `Client`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError, error_from_dict

from .hosts import HostCalls, plain_host

if TYPE_CHECKING:
    from lt_inventory.model import Host

    from .details import OfferedKey
    from .prompts import Answer, InstalledKey, LoginQuestion, LoginResult

LOGIN_LIMIT = 900.0  # seconds for all questions and the first look, on the way over several hosts
_CAN_LEAVE = ("controller_not_running", "controller_gone")


class LoginCalls(HostCalls):
    """The part of the client by which people log in."""

    def login(self, name: str, answer: Answer | None, *, remember: bool = False) -> LoginResult:
        """Connects to a host; `answer` is called for each question (None: nobody can be asked).

        Answers stay in the controller's memory, with `remember` in the system's keyring as well. Raises LtError
        `no_such_host`, `login_wrong`, `login_closed`, `login_cancelled`, `login_unanswered`, `login_needed`,
        `passphrase_wrong`, `no_keyring`, and whatever keeps a host from being reached.
        """
        from .prompts import LoginResult

        value = self._converse("login", answer, name=name, remember=remember)
        with self._acting("host connect", name, kept=str(value.get("kept") or ""), asked=bool(value.get("asked"))):
            pass  # it has succeeded: a person who is asked must not hold the database
        return LoginResult(bool(value.get("asked")), bool(value.get("once")), str(value.get("kept") or ""))

    def forget_login(self, name: str) -> None:
        """Forgets what was answered to a host's logins, in memory and in the keyring. A connection goes on.

        Raises LtError `no_such_host`, `keyring_failed`.
        """
        self._call("forget_login", 60.0, name=name)
        with self._acting("host forget-login", name):
            pass  # it has succeeded

    def install_key(self, name: str, answer: Answer | None = None) -> InstalledKey:
        """Puts our public key on a host, proves that it logs in, and names it in the inventory.

        Raises LtError `key_not_installed`, `key_not_accepted`, and as `login`.
        """
        from .prompts import InstalledKey

        with self._acting("host install-key", name):
            pass  # a person is asked meanwhile, and the controller writes: the database is not to wait for either
        value = self._converse("install_key", answer, name=name)
        done = InstalledKey(str(value.get("key")), bool(value.get("there")))
        if self.host(name).host.key is None:
            self.edit_host(name, {"key": done.key})
        return done

    def scan_key(self, host: Host, answer: Answer | None = None) -> OfferedKey:
        """The key that the host shows now, without logging in; `answer` is for the jumps on the way, which are.

        Raises LtError `host_unreachable`, and for a jump as `login`.
        """
        from .details import OfferedKey

        value = self._converse("scan_key", answer, host=plain_host(host))
        return OfferedKey(str(value["fingerprint"]), str(value["key_type"]), str(value["line"]))

    def _converse(self, op: str, answer: Answer | None, **params: Any) -> Mapping[str, Any]:
        """As `_call`, answering what is asked meanwhile."""
        from . import socket as controller

        if answer is None:
            value = self._call(op, LOGIN_LIMIT, **params)
            return value if isinstance(value, dict) else {}
        for last in (False, True):
            controller.ensure(self.home)
            try:
                value = _conversation(
                    controller.Line(self.home, 20.0), op, answer, str(self.home.controller_log), params
                )
            except OSError:
                if last:
                    raise LtError("controller_not_running") from None
            except LtError as error:
                if last or error.code not in _CAN_LEAVE:
                    raise
            else:
                return value if isinstance(value, dict) else {}
        return {}


def _conversation(line: Any, op: str, answer: Answer, log: str, params: Mapping[str, Any]) -> Any:
    """Sends the request and answers questions until its reply is there. Raises what it says, `controller_gone`."""
    deadline = time.monotonic() + LOGIN_LIMIT
    try:
        line.send({"id": 1, "op": op, "answers": True, **params})
        while True:
            reply = line.receive(max(0.0, deadline - time.monotonic()))
            if reply is None:
                raise LtError("controller_silent", seconds=round(LOGIN_LIMIT), log=log)
            if not isinstance(reply.get("ask"), dict):
                break
            given = answer(_question(reply["ask"]))
            line.send({"id": 1, "answer": None if given is None else list(given)})
    except OSError:
        raise LtError("controller_gone", log=log) from None
    finally:
        line.close()
    if not reply.get("ok"):
        error = reply.get("error")
        raise error_from_dict(error if isinstance(error, dict) else {})
    return reply.get("result")


def _question(value: Mapping[str, Any]) -> LoginQuestion:
    from .prompts import LoginPrompt, LoginQuestion

    prompts = tuple(LoginPrompt(str(item["text"]), item.get("echo") is True) for item in value.get("prompts") or ())
    texts = {key: str(value.get(key) or "") for key in ("host", "target", "kind", "title", "instructions", "key")}
    return LoginQuestion(prompts=prompts, again=value.get("again") is True, **texts)
