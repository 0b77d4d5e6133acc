"""`ctrl+p`: jobs, hosts, screens, acts and themes, by any part of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from .acts import DEEDS, do_with_jobs, give_secrets, named_act, open_shell
from .host_acts import prepare_host
from .i18n import _
from .leaving import clear_host, forward_port, leave_host
from .places import SCREENS, Place
from .terminal import run_lt
from .text import needs_secrets, safe, state_word

TITLES = {
    "stop": "Stop",
    "pause": "Pause",
    "resume": "Resume",
    "save": "Save now",
    "pull": "Pull",
    "remove": "Remove",
}
HOST_ACTS: dict[str, Callable[[Any, str], None]] = {
    "Drain, retire": leave_host,
    "Make room": clear_host,
    "Forward a port": forward_port,
    "Prepare offline": prepare_host,
}


class Everything(Provider):
    """What the palette finds."""

    async def discover(self) -> Hits:
        """Before anything is typed: screens and acts."""
        for text, run, help_text in self._fixed():
            yield DiscoveryHit(text, run, help=help_text)

    async def search(self, query: str) -> Hits:
        """Everything that fits."""
        matcher = self.matcher(query)
        for text, run, help_text in [*self._fixed(), *self._known()]:
            if (score := matcher.match(text)) > 0:
                yield Hit(score, matcher.highlight(text), run, help=help_text)

    def _fixed(self) -> Iterator[tuple[str, Callable[[], Any], str]]:
        app: Any = self.app
        for kind in SCREENS:
            if kind not in ("host", "job", "pipeline", "sweep", "welcome"):
                yield _(kind), partial(app.go, Place(kind), fresh=True), _("open this screen")
        yield _("add a host"), partial(named_act, app, "add"), _("shows its key, logs in once, looks around")
        yield _("import hosts"), partial(named_act, app, "import"), "~/.ssh/config"
        yield _("run the demo"), partial(named_act, app, "demo"), _("a tiny model, trained for real on this machine")
        yield _("adopt a job"), partial(named_act, app, "adopt"), _("one that another laptop has submitted")
        yield _("look at this machine"), partial(named_act, app, "doctor"), "lt doctor"
        for words in (["controller", "status"], ["controller", "stop"]):
            yield f"lt {' '.join(words)}", partial(run_lt, app, words), _("in this terminal")
        yield "English", partial(app.save_setting, "language", "en"), _("language")
        yield "中文", partial(app.save_setting, "language", "zh"), _("language")
        for name in sorted(app.available_themes):
            yield f"{_('theme')} {name}", partial(app.save_setting, "theme", name), ""
        for name in ("unicode", "ascii"):
            yield f"{_('glyphs')} {name}", partial(app.save_setting, "glyphs", name), ""

    def _known(self) -> Iterator[tuple[str, Callable[[], Any], str]]:
        app: Any = self.app
        fleet = app.fleet
        if fleet is None:
            return
        for info in fleet.hosts:
            yield f"{_('host')} {safe(info.name)}", partial(app.go, Place("host", info.name), fresh=True), info.state
            yield f"{_('Shell')} {safe(info.name)}", partial(open_shell, app, info.name), ""
            for title, deed in HOST_ACTS.items():
                yield f"{_(title)} {safe(info.name)}", partial(deed, app, info.name), ""
            yield f"lt recover {safe(info.name)}", partial(run_lt, app, ["recover", info.name]), _("in this terminal")
        for job in reversed(fleet.jobs):
            about = f"{state_word(job.state)} · {safe(job.host)}"
            yield f"{_('job')} {safe(job.name)}", partial(app.go, Place("job", job.name), fresh=True), about
            if needs_secrets(job):
                yield f"{_('Give secrets')} {safe(job.name)}", partial(give_secrets, app, job), about
            for act in DEEDS if not job.ended else ("resume", "pull", "remove"):
                yield f"{_(TITLES[act])} {safe(job.name)}", partial(do_with_jobs, app, act, [job]), about
            if not job.resting:
                yield f"{_('Forward a port')} {safe(job.name)}", partial(forward_port, app, job.name), about
