"""The part of the client that speaks of the audit."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .base import Connected

if TYPE_CHECKING:
    from .chain import Act, AuditState


class AuditCalls(Connected):
    """Who did what, and whether the record of it is whole."""

    def audit(
        self, *, since: datetime | None = None, who: str | None = None, act: str | None = None, last: int | None = None
    ) -> list[Act]:
        """Acts, oldest first. `who` is a user or `user@laptop`, `act` a kind or its first word; the `last` so many."""
        from .chain import acts

        return acts(self._db, since, who, act, last)

    def verify_audit(self, head: str | None = None) -> AuditState:
        """Follows the chain of hashes through all rows; `head` is one noted earlier, which must still be in it."""
        from .chain import verify

        return verify(self._db, head)

    def export_audit(self, kind: str, path: str | os.PathLike[str]) -> int:
        """Writes all rows as `csv` or `json`, columns as in the table; how many. Raises LtError `audit_not_written`."""
        from .chain import export

        return export(self._db, kind, Path(path))
