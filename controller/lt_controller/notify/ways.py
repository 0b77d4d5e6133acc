"""The ways to people: a post over HTTP, a notification of the desktop, a command of theirs. Each raises LtError."""

from __future__ import annotations

import contextlib
import html
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from email.message import Message as Headers
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, unquote_plus, urlsplit

from lt_agent.protocol.errors import LtError

from ..display import safe
from .config import Channel
from .formats import Post, check_answer, post_of
from .message import Message

SECONDS = 10.0  # for each answer of a network; 30 for a command
COMMAND_SECONDS = 30.0
LONGEST_ANSWER = 16 << 10  # bytes that are read
LONGEST_PAUSE = 3600.0  # seconds that a service may ask us to wait
_TAIL = 200
_TELLING = 6  # characters from which a part of a secret address is worth hiding


def deliver(channel: Channel, message: Message, secrets: Mapping[str, str]) -> None:
    """Tells `message` by the channel. `secrets`: the values that are known, by their names.

    Raises LtError `notify_no_secret{names}`, `notify_not_https{host}`, `notify_bad_address`, `notify_unreachable{host,
    why}`, `notify_refused{host, status, answer}`, `notify_no_program{program}`, `notify_command_failed{program, why}`.
    """
    missing = [name for name in channel.secrets if not secrets.get(name)]
    if missing:
        raise LtError("notify_no_secret", names=missing)
    if channel.to == "desktop":
        _run(_desktop(message), b"")
    elif channel.to == "command":
        _run(channel.command, json.dumps(message.data, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    else:
        url = secrets[channel.url_secret] if channel.url_secret else channel.url
        where = _checked(url.strip(), secret=bool(channel.url_secret))
        post = post_of(channel.to, message, url.strip(), secrets.get(channel.sign_secret, ""), time.time())
        addresses = (url, post.url) if channel.url_secret else ()
        _send(channel, post, where, [*secrets.values(), *(part for one in addresses for part in _parts(one))])


def _checked(url: str, *, secret: bool) -> str:
    """The host of an address that may be used. Nothing of the address itself is ever part of an error."""
    try:
        parts = urlsplit(url)
        host, scheme = parts.hostname or "", parts.scheme
        _ = parts.port
    except ValueError:
        raise LtError("notify_bad_address") from None
    if scheme not in ("http", "https") or not host or any(ord(sign) <= 32 or ord(sign) == 127 for sign in url):
        raise LtError("notify_bad_address")
    if secret and scheme != "https" and host not in ("127.0.0.1", "::1", "localhost"):
        raise LtError("notify_not_https", host=host)
    return host


def _parts(url: str) -> list[str]:
    """What of a secret address tells the secret, also as a server that has read it writes it."""
    parts = urlsplit(url.strip())
    asked = f"?{parts.query}" if parts.query else ""
    pieces = [*parts.path.split("/"), *(pair.partition("=")[2] or pair for pair in parts.query.split("&"))]
    pieces += [parts.path, parts.path + asked, parts.query, parts.username or "", parts.password or ""]
    read = [way(piece) for piece in pieces for way in (str, unquote, unquote_plus)]
    return [piece for piece in read if len(piece) >= _TELLING]


def _send(channel: Channel, post: Post, host: str, hide: list[str]) -> None:
    request = urllib.request.Request(post.url, post.body, post.headers, method="POST")  # noqa: S310  checked above
    try:
        with contextlib.closing(_opener().open(request, timeout=SECONDS)) as answer:
            status, headers, body = answer.status, answer.headers, answer.read(LONGEST_ANSWER)
    except HTTPError as error:
        with error:
            status, headers = error.code, error.headers
            try:
                body = error.read(LONGEST_ANSWER)
            except (OSError, http.client.HTTPException):
                body = b""
    except (http.client.HTTPException, URLError, OSError, ValueError) as error:
        raise LtError("notify_unreachable", host=host, why=_why(error)) from None
    check_answer(channel.to, host, status, body.decode("utf-8", "replace"), _retry_after(headers), hide)


def _opener() -> urllib.request.OpenerDirector:
    """Follows no redirect, which would carry the message to somewhere else; opens nothing but http and https."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),  # as the environment says
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _why(error: Exception) -> str:
    """Without the address, which some of these texts repeat."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate: {safe(reason.verify_message)}"
    if isinstance(reason, socket.gaierror):
        return "dns"
    if isinstance(reason, TimeoutError):
        return "timeout"
    if isinstance(reason, OSError):
        return safe(reason.strerror or type(reason).__name__)
    return type(reason).__name__


def _retry_after(headers: Headers | http.client.HTTPMessage | None) -> float | None:
    value = headers.get("Retry-After", "") if headers is not None else ""
    return min(float(value), LONGEST_PAUSE) if value.isascii() and value.isdigit() and len(value) < 8 else None


def _desktop(message: Message) -> tuple[str, ...]:
    body = "\n".join(message.lines)
    if sys.platform == "darwin":
        # The words are arguments of the script, and never a part of it.
        script = "display notification (item 2 of argv) with title (item 1 of argv)"
        return ("osascript", "-e", "on run argv", "-e", script, "-e", "end run", message.title, body)
    # Servers may read the body as markup: https://specifications.freedesktop.org/notification-spec/latest/markup.html
    return ("notify-send", "--app-name=lt", "--", message.title, html.escape(body, quote=False))


def _run(argv: tuple[str, ...], data: bytes) -> None:
    """Runs a program without a shell; its whole process group ends with it, or after `COMMAND_SECONDS`."""
    program = os.path.basename(argv[0])
    if shutil.which(os.path.expanduser(argv[0])) is None:
        raise LtError("notify_no_program", program=program)
    words = [os.path.expanduser(argv[0]), *argv[1:]]
    with tempfile.TemporaryFile() as errors:  # no pipe: what the program starts and leaves behind may keep it open
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise LtError("notify_command_failed", program=program, why=error.strerror or "OSError") from None
        try:
            process.communicate(data, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            raise LtError("notify_command_failed", program=program, why="timeout") from None
        if process.returncode != 0:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4096))
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
            why = f"exit code {process.returncode}" + (f": {safe(lines[-1])[:_TAIL]}" if lines else "")
            raise LtError("notify_command_failed", program=program, why=why)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=5)
