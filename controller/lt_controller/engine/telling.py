"""One message on its way by one channel, on a thread of its own."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable, Sequence

from lt_agent.protocol.errors import LtError

from ..notify.config import Channel
from ..notify.message import Message, compose
from ..notify.ways import COMMAND_SECONDS, SECONDS, deliver
from ..store.notices import Notice
from .vault import FOR_NOTICES, Vault

LIMIT = 3 * SECONDS  # for connecting, sending and the answer, all in all


class Telling(threading.Thread):
    """Tells notices by a channel; `done` is called with the error, or None, at its end."""

    def __init__(
        self,
        channel: Channel,
        told: Sequence[Notice],
        language: str | None,
        vault: Vault,
        done: Callable[[Telling, LtError | None], None],
    ) -> None:
        super().__init__(name=f"tell-{channel.name}", daemon=True)
        self.channel = channel
        self.ids = [notice.id for notice in told]
        self.tries = 0
        self.limit = COMMAND_SECONDS + SECONDS if channel.to in ("command", "desktop") else LIMIT
        self.deadline = time.monotonic() + self.limit
        self.given_up = False
        self.told = told
        self._language = language
        self._vault = vault
        self._done = done

    def run(self) -> None:
        """Composes the message and sends it."""
        error: LtError | None = None
        try:
            tell(self.channel, compose(self.told, laptop_name(), self._language), self._vault)
        except LtError as problem:
            error = problem
        except Exception as problem:  # a fault of ours: the type alone, for its text may hold an address
            error = LtError("notify_fault", why=type(problem).__name__)
        self._done(self, error)


def tell(channel: Channel, message: Message, vault: Vault) -> None:
    """Sends it, with the secrets as far as they are known here. Raises as `ways.deliver`."""
    found = vault.find(FOR_NOTICES, channel.secrets)
    missing = [name for name in channel.secrets if name not in found]
    deliver(channel, message, {**{name: os.environ.get(name, "") for name in missing}, **found})


def laptop_name() -> str:
    """How this machine calls itself."""
    return platform.node() or "laptop"
