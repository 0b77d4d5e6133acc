"""Who is told of what, how that went, and a message to try it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from .base import near
from .database import load, when
from .secret import SecretCalls

if TYPE_CHECKING:
    from ..notify.config import Settings
    from .channels import Delivery, NotifyChannel

ENDS = ("succeeded", "failed", "stopped", "lost")  # what `end` in the file stands for
_TEST_SECONDS = 60.0


class NotifyCalls(SecretCalls):
    """The part of the client that speaks of telling people."""

    def notify_channels(self) -> list[NotifyChannel]:
        """The channels of `config.toml`. Raises LtError `config_invalid`, `notify_invalid{path, problems}`."""
        from .channels import NotifyChannel

        rows = self._db.rows(
            "SELECT channel, sum(state='pending') AS pending, max(CASE WHEN state='sent' THEN done_at END) AS sent,"
            " (SELECT error FROM deliveries e WHERE e.channel=d.channel ORDER BY e.notice DESC LIMIT 1) AS error"
            " FROM deliveries d GROUP BY channel"
        )
        known = {row["channel"]: row for row in rows}
        return [
            NotifyChannel(
                name=channel.name,
                to=channel.to,
                on=channel.on,
                only={key: value for key in ("host", "recipe", "job") if (value := getattr(channel, key))},
                secrets=channel.secrets,
                pending=int(row["pending"] or 0) if (row := known.get(channel.name)) else 0,
                last_sent=when(row["sent"]) if row else None,
                error=load(row["error"]) if row else None,
            )
            for channel in self._notify_settings().channels
        ]

    def deliveries(self, last: int = 20) -> list[Delivery]:
        """What was told, or is to be, oldest first; the `last` so many."""
        from ..notify.message import compose
        from ..store.notices import COLUMNS, notice_of
        from .channels import Delivery

        rows = self._db.rows(
            "SELECT d.channel, d.state, d.tries, d.due_at, d.done_at, d.error,"  # noqa: S608
            f" {COLUMNS} FROM deliveries d JOIN notices n ON n.id=d.notice ORDER BY n.id DESC, d.channel LIMIT ?",
            (last,),
        )
        found = []
        for row in reversed(rows):
            channel, state, tries, due, done, error = tuple(row)[:6]
            notice = notice_of(tuple(row)[6:])
            text = compose([notice], "").title
            about = (when(notice.time), notice.kind, text, notice.job, notice.host)
            found.append(Delivery(*about, channel, state, tries, when(due), when(done), load(error)))
        return found

    def notify_test(self, name: str | None = None) -> dict[str, LtError | None]:
        """Has the controller tell each channel (or `name`) something now; what kept it from that, or None.

        Raises LtError `no_such_channel`, `notify_none{path}`, and as `notify_channels`.
        """
        names = [channel.name for channel in self._notify_settings().channels]
        if name is not None and name not in names:
            raise LtError("no_such_channel", name=name, known=names, near=near(name, names))
        if not names:
            raise LtError("notify_none", path=str(self.home.config_file), table="[notify.NAME]")
        self._confide_for_notices()
        found: dict[str, LtError | None] = {}
        for one in [name] if name is not None else names:
            try:
                self._call("notify_test", _TEST_SECONDS, name=one)
            except LtError as error:
                found[one] = error
            else:
                found[one] = None
        return found

    def set_secret(self, name: str, value: str) -> None:
        """As `SecretCalls.set_secret`; what people could not be told for want of it is told now."""
        from .socket import call

        super().set_secret(name, value)
        with contextlib.suppress(LtError):  # where no controller runs, the next one finds it in the keyring
            if name in self._notify_settings().secrets:
                call(self.home, "secrets_set", 10.0, names=[name])

    def _submitting(self, intent: Mapping[str, Any]) -> None:
        super()._submitting(intent)
        with contextlib.suppress(LtError):  # a fault in config.toml keeps no job from training
            self._confide_for_notices()

    def _confide_for_notices(self) -> None:
        """The controller was not started with what looks like a secret in this environment: it gets what it needs."""
        wanted = self._notify_settings().secrets
        found = {name: value for name in wanted if (value := os.environ.get(name))}
        if found:
            self._call("confide", job="notify", values=found)

    def _notify_settings(self) -> Settings:
        from ..notify.config import Settings, load, mentions

        path = self.home.config_file
        return load(path) if mentions(path) else Settings()
