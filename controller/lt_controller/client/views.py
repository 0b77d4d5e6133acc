"""What screens ask for: much at once, cheaply and often. A part of `Client`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import Connected
from .database import load, when

if TYPE_CHECKING:
    from .details import Event, Snapshot
    from .fleet import Fleet, FleetReader, Sample
    from .loglines import LogLines
    from .recipes import RecipeField, RecipeInfo, RecipeProblem
    from .series import Series


class ViewCalls(Connected):
    """The part of the client that screens use. Values are those of `fleet`, `series`, `loglines`, `recipes`."""

    _fleet: FleetReader | None = None

    def fleet(self) -> Fleet:
        """Hosts, all jobs, latest samples and short curves, in one look. Raises LtError `hosts_file_invalid`."""
        if self._fleet is None:
            from .fleet import FleetReader

            self._fleet = FleetReader(self._db, self.home.hosts_file)
        return self._fleet.read()

    def samples(self, job: str, attempt: int) -> dict[str, Sample]:
        """The newest value of everything that is measured beside a job, by its id."""
        from .fleet import latest_samples

        return latest_samples(self._db, job, attempt)

    def extend_series(self, series: Series, job: str, attempts: int) -> bool:
        """Adds to `series` what has come since it was read; whether anything had."""
        from .series import extend

        return extend(self._db, series, job, attempts)

    def log_lines(self, job: str, attempt: int) -> LogLines:
        """The lines of an attempt's log by offset, for a job's id."""
        from .loglines import LogLines

        return LogLines(self._db, job, attempt)

    def recent_events(
        self, limit: int = 500, *, host: str | None = None, job: str | None = None
    ) -> list[tuple[str, Event]]:
        """The newest events, newest first, each with its job's name; of all jobs, or those of a host, or of one job."""
        from .details import Event

        rows = self._db.rows(
            "SELECT e.attempt, e.code, e.params, e.time, e.host, j.name FROM events e"
            " LEFT JOIN jobs j ON j.id=e.job_id WHERE (?1 IS NULL OR e.host=?1 OR j.host=?1)"
            " AND (?2 IS NULL OR j.name=?2) ORDER BY e.time DESC LIMIT ?3",
            (host, job, limit),
        )
        return [
            (
                row["name"] or "",
                Event(row["attempt"] or 0, row["code"], load(row["params"]) or {}, when(row["time"]), row["host"]),
            )
            for row in rows
        ]

    def snapshots(self) -> list[Snapshot]:
        """Every data snapshot that was recorded, the newest first, with the hosts that have it."""
        from .details import Snapshot

        places: dict[tuple[str, str], list[str]] = {}
        for row in self._db.rows("SELECT host, name, digest FROM data_on_hosts ORDER BY host"):
            places.setdefault((row["name"], row["digest"]), []).append(row["host"])
        return [
            Snapshot(
                *(row["name"], row["digest"], row["size"], row["files"], row["source"], when(row["created_at"])),
                tuple(places.get((row["name"], row["digest"]), ())),
            )
            for row in self._db.rows("SELECT * FROM datasets ORDER BY created_at DESC")
        ]

    # Recipes

    def recipes(self, folder: Path | None = None) -> list[RecipeInfo]:
        """The gallery, then the recipe files in `folder` (default: where you stand)."""
        from .recipes import gallery

        return gallery(folder or Path.cwd())

    def recipe_text(self, name: str) -> str:
        """A recipe as it was written. Raises LtError `bad_recipe`."""
        from .recipes import text_of

        return text_of(name)

    def recipe_fields(self, name: str, overrides: Sequence[str] = ()) -> tuple[list[RecipeField], list[RecipeProblem]]:
        """Every field of a recipe with its documentation and value, and what is wrong. Raises LtError `bad_recipe`."""
        from .recipes import fields

        return fields(name, overrides)

    # Settings

    def settings(self) -> dict[str, Any]:
        """All of `config.toml`. Raises LtError `config_invalid{path, line, why}`."""
        from .settings import read

        return read(self.home.config_file)

    def change_settings(self, table: str, changes: Mapping[str, Any]) -> None:
        """Sets keys of a table of `config.toml`; None takes one away. Comments stay. Raises as `settings`."""
        from .settings import write

        with self._acting("settings change", table, changes=dict(changes)):
            write(self.home.config_file, table, changes)
