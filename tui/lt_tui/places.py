"""Where one can be: screens by name, and what `:` understands. A screen's module is imported when it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .page import Page

#: name → (module under `screens`, class, takes a name)
SCREENS: dict[str, tuple[str, str, bool]] = {
    "fleet": ("fleet.screen", "FleetScreen", False),
    "host": ("host.screen", "HostScreen", True),
    "job": ("job.screen", "JobScreen", True),
    "submit": ("submit.screen", "SubmitScreen", True),
    "run": ("run.screen", "RunScreen", True),
    "queue": ("queue.screen", "QueueScreen", False),
    "pipelines": ("pipelines.screen", "PipelinesScreen", False),
    "pipeline": ("pipelines.screen", "PipelineScreen", True),
    "sweeps": ("sweeps.screen", "SweepsScreen", False),
    "sweep": ("sweeps.screen", "SweepScreen", True),
    "recipes": ("recipes.screen", "RecipesScreen", False),
    "data": ("data.screen", "DataScreen", False),
    "audit": ("audit.screen", "AuditScreen", False),
    "secrets": ("secrets.screen", "SecretsScreen", False),
    "cost": ("cost.screen", "CostScreen", False),
    "stats": ("stats.screen", "StatsScreen", False),
    "notify": ("notify.screen", "NotifyScreen", False),
    "events": ("events.screen", "EventsScreen", False),
    "settings": ("settings.screen", "SettingsScreen", False),
    "help": ("help.screen", "HelpScreen", False),
    "welcome": ("welcome.screen", "WelcomeScreen", False),
}
_ALIASES = {
    **dict.fromkeys(("hosts", "jobs", "home", "ps"), "fleet"),
    "q": "quit",
    "exit": "quit",
    "e": "events",
    "s": "settings",
    "h": "help",
    "new": "submit",
    "recipe": "recipes",
    "costs": "cost",
}
ACTS = ("quit", "demo", "doctor", "add", "import", "adopt")


@dataclass(frozen=True)
class Place:
    """A screen, and of what."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


def make(place: Place) -> Page:
    """The screen of a place."""
    module, cls, _named = SCREENS[place.kind]
    page: Any = getattr(import_module(f".screens.{module}", __package__), cls)
    made: Page = page(place)
    return made


def understood(text: str, hosts: Sequence[str], jobs: Sequence[str]) -> Place | str | None:
    """What was typed after `:`: a place, the name of an act, or None.

    A bare name is a job's or a host's; beginnings will do where only one thing begins so.
    """
    words = text.strip().lstrip(":").split(maxsplit=1)
    if not words:
        return None
    head, rest = words[0].casefold(), words[1].strip() if len(words) > 1 else ""
    known = {**{name: name for name in (*SCREENS, *ACTS)}, **_ALIASES}
    begin = sorted(name for name in (*SCREENS, *ACTS) if name.startswith(head))
    kind = known.get(head) or _only([name for name in begin if name != begin[0] + "s"])
    if kind == "host" or (head == "hosts" and rest):
        found = _named(rest, hosts)
        return Place("host", found) if found else (Place("fleet") if not rest else None)
    if kind == "job" or (head == "jobs" and rest):
        found = _named(rest, jobs)
        return Place("job", found) if found else (Place("fleet") if not rest else None)
    if kind in ACTS:
        return kind
    if kind in ("pipeline", "sweep") and not rest:
        kind += "s"
    if kind is not None:
        return Place(kind, rest if SCREENS[kind][2] else "")
    if name := _named(words[0], jobs):
        return Place("job", name)
    if name := _named(words[0], hosts):
        return Place("host", name)
    return None


def completions(text: str, hosts: Sequence[str], jobs: Sequence[str], limit: int = 200) -> list[str]:
    """What `text` may become, the likeliest first."""
    start = text.lstrip(":").casefold()
    plain = [name for name in (*SCREENS, *ACTS) if name != "welcome"]
    named = [f"host {name}" for name in hosts] + [f"job {name}" for name in jobs]
    bare = [*jobs, *hosts]
    return [item for item in [*plain, *named, *bare] if item.casefold().startswith(start)][:limit]


def _named(text: str, names: Sequence[str]) -> str | None:
    if not text:
        return None
    if text in names:
        return text
    return _only([name for name in names if name.casefold().startswith(text.casefold())])


def _only(found: list[str]) -> str | None:
    return found[0] if len(found) == 1 else None
