"""What a person sees who has no hosts and no jobs: three ways to begin, one key each."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Center, Middle, Vertical

from ...glyphs import glyphs
from ...host_acts import add_host, import_hosts
from ...i18n import _
from ...page import Page
from ...terminal import run_demo
from ...text import Span
from ...widgets.bars import KeyBar, Lines, TopBar

_LOGO = (
    "╻ ╺┳╸",
    "┃  ┃ ",
    "┗━╸╹ ",
)
_PLAIN_LOGO = ("|  -+-", "|   | ", "+-- ' ")


class WelcomeScreen(Page):
    """The first run."""

    CSS_PATH = "welcome.tcss"
    EVERY = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add host", id="host.add"),
        Binding("i", "import", "Import", id="host.import"),
        Binding("d", "demo", "Demo", id="app.demo"),
        Binding("enter", "back", "Look around", id="welcome.leave"),
    ]

    def compose(self) -> ComposeResult:
        """The choices, in the middle."""
        yield TopBar()
        with Middle(), Center(), Vertical(id="box"):
            text = Lines(id="text")
            text.say(*self._lines())
            yield text
        yield KeyBar()

    def on_mount(self) -> None:
        """Nothing is read: there is nothing yet."""

    def retranslate(self) -> None:
        """The text in the language of now."""
        for text in self.query("#text").results(Lines):
            text.say(*self._lines())
        super().retranslate()

    def _lines(self) -> list[tuple[Span, ...]]:
        choices = (
            ("i", _("import hosts from ~/.ssh/config"), _("contacts nobody; what it names becomes a host")),
            ("a", _("add a host you can SSH into"), _("shows its key, logs in once, looks around")),
            ("d", _("run the demo on this machine"), _("a tiny model, trained for real, about a minute")),
        )
        lines: list[tuple[Span, ...]] = [((text, "head"),) for text in (_LOGO if glyphs().braille else _PLAIN_LOGO)]
        lines += [
            ((_("Train on any machine you can SSH into."), "bold"),),
            ((_("Nothing is set up yet. Press one key:"), "dim"),),
            (("", ""),),
        ]
        for key, what, note in choices:
            lines += [((f"  {key}  ", "key bold"), (what, "bold")), ((f"     {note}", "dim"),), (("", ""),)]
        lines.append(((_("enter looks around   ? help   q quits"), "dim"),))
        return lines

    def action_add(self) -> None:
        """A new host."""
        add_host(self.lt)

    def action_import(self) -> None:
        """What ~/.ssh/config names."""
        import_hosts(self.lt)

    def action_demo(self) -> None:
        """The demo, in this terminal."""
        run_demo(self.lt)
