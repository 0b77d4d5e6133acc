"""What each service wants to be sent, and how it says whether it has taken it. Pure: no network, no clock.

The formats, by the services' own pages (read 2026-11):

- Slack, incoming webhooks: `{"text": …}`, with `&`, `<` and `>` written as entities; the answer is `200 ok`.
  https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
- Feishu/Lark, custom bots: `{"msg_type": "text", "content": {"text": …}}`; signed by `timestamp` (seconds) and `sign`,
  the base64 of the HMAC-SHA256 of nothing under the key `timestamp\\nsecret`; the answer has `code` 0 (earlier
  `StatusCode`). https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
- DingTalk, custom robots: `{"msgtype": "text", "text": {"content": …}}`; signed by `timestamp` (milliseconds) and
  `sign` in the address, the base64 of the HMAC-SHA256 of `timestamp\\nsecret` under the key `secret`; the answer has
  `errcode` 0. https://open.dingtalk.com/document/robots/customize-robot-security-settings
- Anything else gets the whole event as JSON; signed as GitHub signs its webhooks, `X-LT-Signature-256: sha256=<hex>`,
  the HMAC-SHA256 of the body. https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from lt_agent.protocol.errors import LtError

from ..display import safe
from .message import Message

_ANSWER = 200  # characters of an answer that are kept
_AGAIN = (408, 425, 429)  # of the 4xx, what another try may cure


@dataclass(frozen=True)
class Post:
    """A request, ready to be sent."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def post_of(to: str, message: Message, url: str, secret: str, at: float) -> Post:
    """The request that tells `message` to the service; `secret` signs it, "" does not. `at`: epoch seconds."""
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "labtrain"}
    value: dict[str, Any]
    if to == "slack":
        value = {"text": _slack(message.text)}
    elif to == "feishu":
        value = {"msg_type": "text", "content": {"text": _no_tags(message.text)}}
        if secret:
            stamp = str(int(at))
            value = {"timestamp": stamp, "sign": _base64_hmac(f"{stamp}\n{secret}", ""), **value}
    elif to == "dingtalk":
        value = {"msgtype": "text", "text": {"content": message.text}, "at": {"isAtAll": False}}
        if secret:
            stamp = str(round(at * 1000))
            sign = quote_plus(_base64_hmac(secret, f"{stamp}\n{secret}"))
            url = f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={sign}"
    else:
        value = message.data or {}
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    if to == "webhook" and secret:
        headers["X-LT-Signature-256"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Post(url, body, headers)


def check_answer(
    to: str, host: str, status: int, body: str, retry_after: float | None, hide: Iterable[str] = ()
) -> None:
    """Raises LtError `notify_refused{host, status, answer, final, retry_after}` unless the service has taken it.

    `final`: another try would be refused as well. `hide`: what its answer may repeat and nobody is to read.
    """
    answer = safe(_masked(body, hide).strip())[:_ANSWER]
    if not 200 <= status < 300:
        final = 300 <= status < 500 and status not in _AGAIN
        raise LtError("notify_refused", host=host, status=status, answer=answer, final=final, retry_after=retry_after)
    field_names = {"feishu": ("code", "StatusCode"), "dingtalk": ("errcode",)}.get(to)
    if field_names is None:
        return
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    codes = [value[name] for name in field_names if name in value] if isinstance(value, dict) else []
    if not codes or any(code != 0 for code in codes):
        # 200 and a code of their own: too many at once passes, and so may a clock that is wrong.
        raise LtError("notify_refused", host=host, status=status, answer=answer, final=False, retry_after=None)


def _masked(text: str, hide: Iterable[str]) -> str:
    """The longest first, or what a shorter one leaves of it would stay; servers may change the case."""
    words = {word for value in hide for word in (value, value.strip()) if word.strip()}
    found = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.sub(found, "***", text, flags=re.IGNORECASE) if found else text


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _no_tags(text: str) -> str:
    """Feishu reads `<at user_id="all">` in a text: what a host says must call nobody."""
    return text.replace("<", "＜").replace(">", "＞")


def _base64_hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()
