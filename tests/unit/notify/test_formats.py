"""What each service is sent, checked by the rules that the service itself publishes, over a real HTTP server.

The rules: Slack https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks, Feishu
https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot, DingTalk
https://open.dingtalk.com/document/robots/customize-robot-security-settings. The check of each signature is written down
from there once more: as the service makes it, from what arrived.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.notify import ways
from lt_controller.notify.config import Channel
from lt_controller.notify.message import Message
from support.hooks import OK, Got, Hooks, hooks

TOLD = Message("failed", 'a <at user_id="all"></at> & b', ("line",), {"version": 1, "text": "völlig 完"})
KEY = "SEC 0815"


@pytest.fixture
def server() -> Iterator[Hooks]:
    with hooks() as made:
        yield made


def send(server: Hooks, to: str, key: str = "", answer: tuple[int, bytes] | None = None) -> Got:
    server.answer = lambda got, number: answer or OK[to]
    channel = Channel("c", to, url_secret="HOOK", sign_secret="KEY" if key else "")
    ways.deliver(channel, TOLD, {"HOOK": f"{server.url}/hook/t0ken?access_token=abc", "KEY": key})
    return server.got[-1]


def test_slack_gets_its_text_with_entities(server: Hooks) -> None:
    got = send(server, "slack")
    assert got.value == {"text": 'a &lt;at user_id="all"&gt;&lt;/at&gt; &amp; b\nline'}
    assert got.headers["content-type"].startswith("application/json")


def test_feishu_gets_a_text_that_calls_nobody_signed_by_its_rule(server: Hooks) -> None:
    got = send(server, "feishu", KEY).value
    assert got["msg_type"] == "text" and "<at" not in got["content"]["text"] and "line" in got["content"]["text"]
    expected = hmac.new(f"{got['timestamp']}\n{KEY}".encode(), b"", hashlib.sha256).digest()
    assert base64.b64decode(got["sign"]) == expected and len(got["timestamp"]) == 10
    assert "sign" not in send(server, "feishu").value


def test_dingtalk_gets_a_text_signed_in_its_address(server: Hooks) -> None:
    got = send(server, "dingtalk", KEY)
    assert got.value["msgtype"] == "text" and got.value["text"]["content"].endswith("\nline")
    query = {key: value[0] for key, value in parse_qs(urlsplit(got.path).query).items()}
    expected = hmac.new(KEY.encode(), f"{query['timestamp']}\n{KEY}".encode(), hashlib.sha256).digest()
    assert base64.b64decode(query["sign"]) == expected and query["access_token"] == "abc"
    assert len(query["timestamp"]) == 13, "milliseconds"


def test_anybody_else_gets_the_event_as_json_signed_over_its_bytes(server: Hooks) -> None:
    got = send(server, "webhook", KEY)
    assert got.value == TOLD.data
    digest = hmac.new(KEY.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["x-lt-signature-256"] == f"sha256={digest}"


@pytest.mark.parametrize(
    ("to", "status", "body", "final"),
    [
        ("slack", 404, b"no_service", True),
        ("slack", 429, b"rate_limited", False),
        ("slack", 500, b"", False),
        ("slack", 302, b"", True),
        ("feishu", 200, b'{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}', False),
        ("dingtalk", 200, b'{"errcode":310000,"errmsg":"keywords not in content"}', False),
        ("dingtalk", 200, b"<html>", False),
    ],
)
def test_a_refusal_is_told_whichever_way_the_service_says_it(
    server: Hooks, to: str, status: int, body: bytes, final: bool
) -> None:
    with pytest.raises(LtError) as caught:
        send(server, to, answer=(status, body))
    assert caught.value.code == "notify_refused" and caught.value.params["final"] is final
    assert caught.value.params["status"] == status


def test_a_redirect_is_not_followed_and_a_pause_that_is_asked_for_is_known(server: Hooks) -> None:
    server.answer = lambda got, number: (302, b"", {"Location": f"{server.url}/elsewhere", "Retry-After": "77"})
    channel = Channel("c", "webhook", url=server.url)
    with pytest.raises(LtError) as caught:
        ways.deliver(channel, TOLD, {})
    assert caught.value.params["retry_after"] == 77.0 and len(server.got) == 1


def test_no_error_repeats_a_secret(server: Hooks) -> None:
    def mirror(got: Got, number: int) -> tuple[int, bytes]:
        return 403, f"no such {server.url}/hook/t0ken?access_token=abc key {KEY}".encode()

    server.answer = mirror
    channel = Channel("c", "webhook", url_secret="HOOK", sign_secret="KEY")
    secrets = {"HOOK": f"{server.url}/hook/t0ken?access_token=abc", "KEY": KEY}
    for url in (
        secrets["HOOK"],
        "https://x.invalid/t0ken with space",
        "hook/t0ken",
        "http://[t0ken",
        "http://a.b/t0ken",
    ):
        with pytest.raises(LtError) as caught:
            ways.deliver(channel, TOLD, {**secrets, "HOOK": url})
        assert "t0ken" not in str(caught.value.as_dict()) and KEY not in str(caught.value.as_dict())


@pytest.mark.parametrize(
    "echo",
    [
        "Cannot POST {path}",
        "no route /services/T000/B000/geheim%2Bwort here",
        "unknown token geheim+wort",
        "unknown token GEHEIM+WORT",
        "wrong access_token aB3 dEf",
        "wrong access_token aB3%20dEf",
        "{whole}",
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_no_part_of_a_secret_address_is_kept_of_an_answer(server: Hooks, echo: str, end: str) -> None:
    path = "/services/T000/B000/geheim%2Bwort?access_token=aB3%20dEf"
    server.answer = lambda got, number: (404, echo.format(path=got.path, whole=server.url + path).encode())
    channel = Channel("c", "slack", url_secret="HOOK")
    with pytest.raises(LtError) as caught:
        ways.deliver(channel, TOLD, {"HOOK": server.url + path + end})
    told = str(caught.value.as_dict()).lower()
    assert "***" in told and not [part for part in ("geheim", "wort", "ab3", "def") if part in told]


def test_the_key_and_the_signature_are_kept_of_no_answer(server: Hooks) -> None:
    server.answer = lambda got, number: (403, f"{got.path} is not signed by {KEY}".encode())
    channel = Channel("c", "dingtalk", url_secret="HOOK", sign_secret="KEY")
    with pytest.raises(LtError) as caught:
        ways.deliver(channel, TOLD, {"HOOK": f"{server.url}/robot/send?access_token=abcdef", "KEY": KEY + "\n"})
    assert caught.value.params["answer"] == "*** is not signed by ***"


def test_a_secret_address_is_used_by_https_alone() -> None:
    with pytest.raises(LtError, match="notify_not_https"):
        ways.deliver(Channel("c", "slack", url_secret="HOOK"), TOLD, {"HOOK": "http://hooks.example/T0"})
    with pytest.raises(LtError, match="notify_no_secret"):
        ways.deliver(Channel("c", "slack", url_secret="HOOK"), TOLD, {})


def test_certificates_are_verified(server: Hooks, tmp_path: Path) -> None:
    with pytest.raises(LtError) as caught:  # it speaks no TLS at all
        ways.deliver(Channel("c", "webhook", url=server.url.replace("http:", "https:")), TOLD, {})
    assert caught.value.code == "notify_unreachable"


def test_the_environments_proxy_is_used(server: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    ways.deliver(Channel("c", "webhook", url="http://nowhere.invalid/lt"), TOLD, {})
    assert server.got[-1].path == "http://nowhere.invalid/lt"


def test_who_does_not_answer_is_given_up(server: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "SECONDS", 0.2)
    over = threading.Event()
    server.answer = lambda got, number: (over.wait(60), (200, b"ok"))[1]
    with pytest.raises(LtError) as caught:
        ways.deliver(Channel("c", "slack", url_secret="HOOK"), TOLD, {"HOOK": server.url})
    over.set()
    assert caught.value.params["why"] == "timeout"


def test_nobody_at_the_address(server: Hooks) -> None:
    with hooks() as gone:
        url = gone.url
    with pytest.raises(LtError, match="notify_unreachable"):
        ways.deliver(Channel("c", "slack", url_secret="HOOK"), TOLD, {"HOOK": url})
