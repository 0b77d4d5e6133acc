"""The keys that count where one came from, read from the live bindings; and what `:` and `/` understand."""

from __future__ import annotations

from textual.app import ComposeResult

from ...i18n import _
from ...page import Page
from ...text import Span
from ...widgets.bars import KeyBar, Lines, TopBar
from ...widgets.reading import Scroll

Line = tuple[Span, ...]


class HelpScreen(Page):
    """Made anew each time: a remapped key shows as it is now."""

    EVERY = 0
    AUTO_FOCUS = "Scroll"

    def compose(self) -> ComposeResult:
        """Lines to scroll."""
        yield TopBar()
        with Scroll():
            text = Lines()
            text.say(*self._lines())
            yield text
        yield KeyBar()

    def on_mount(self) -> None:
        """Nothing is read from the store."""

    def retranslate(self) -> None:
        """In the language of now."""
        for text in self.query(Lines):
            text.say(*self._lines())
        super().retranslate()

    def _lines(self) -> list[Line]:
        pages = self.lt.pages
        under = pages[-2] if len(pages) > 1 else self
        own: list[tuple[str, str]] = []
        everywhere: list[tuple[str, str]] = []
        seen: set[str] = set()
        for active in under.active_bindings.values():
            binding = active.binding
            if not binding.description or binding.action in seen:
                continue
            if binding.id is None and active.node is not self.app:
                continue  # the framework's own, such as moving the focus
            seen.add(binding.action)
            same = [b.binding for b in under.active_bindings.values() if b.binding.action == binding.action]
            keys = "  ".join(dict.fromkeys(self.app.get_key_display(item) for item in same))
            (everywhere if active.node is self.app else own).append((keys, _(binding.description)))
        lines: list[Line] = [((_("On the screen {name}", name=under.crumb), "head bold"),), (("", ""),)]
        lines += [_pair(*item) for item in own]
        lines += [(("", ""),), ((_("Everywhere"), "head bold"),), (("", ""),)]
        lines += [_pair(*item) for item in everywhere]
        lines += [(("", ""),), ((_("After :"), "head bold"),), (("", ""),)]
        lines += [
            _pair(":fleet :queue :pipelines :sweeps", _("open a screen")),
            _pair(":recipes :data :events :audit", ""),
            _pair(":cost :stats :notify :secrets :settings", ""),
            _pair(":host a100   :job qwen", _("open a host or a job; any unique beginning will do")),
            _pair(":submit a100", _("a new job on that host")),
            _pair(":add :import :adopt :demo :doctor :quit", _("acts")),
            _pair(":lt host ls   :lt cost --by week", _("commands of the command line, in this terminal")),
        ]
        lines += [(("", ""),), ((_("After /"), "head bold"),), (("", ""),)]
        lines += [
            _pair("loss|error", _("lines that match a regular expression")),
            _pair("!done", _("lines that do not")),
            _pair("state:failed host:a*", _("columns by pattern; all must hold")),
        ]
        lines += [(("", ""),), ((_("Signs"), "head bold"),), (("", ""),)]
        from ...text import sign, state_word

        codes = ("queued", "staging", "waiting", "preparing", "running", "stopping", "paused", "succeeded", "failed")
        for code in (*codes, "cancelled", "timed_out", "lost", "unreachable", "pulling", "pulled"):
            lines.append(((f"  {sign(code)[0]}  ", sign(code)[1]), (state_word(code), "")))
        return lines


def _pair(keys: str, what: str) -> Line:
    return (f"  {keys:<40} ", "key bold"), (what, "")
