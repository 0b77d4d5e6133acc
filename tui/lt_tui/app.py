"""The app: its screens in a trail, its settings, and what every screen may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.scrollbar import ScrollBar, ScrollBarRender

from lt_controller.client import Client, words
from lt_controller.client.words import LtError

from . import glyphs, hangup, i18n
from .feed import Feed
from .i18n import _
from .messages import Acted, Changed, WatchFailed
from .page import Page
from .palette import THEMES
from .places import SCREENS, Place, completions, make, understood
from .text import safe, said

if TYPE_CHECKING:
    from textual.app import SystemCommand
    from textual.screen import Screen

    from lt_controller.client.fleet import Fleet

T = TypeVar("T")


class PlainBars(ScrollBarRender):
    """A scroll bar whose ends are cells, not parts of one."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def _palette() -> Any:
    from .commands import Everything

    return Everything


class LtApp(App[None]):
    """`lt` alone."""

    TITLE = "lt"
    CSS_PATH: ClassVar[Any] = ["app.tcss", "screens/fleet/fleet.tcss"]
    COMMANDS: ClassVar[set[Any]] = {_palette}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority the app itself opens the line, and what is typed right after waits for it.
        Binding("colon", "jump", "Go to", key_display=":", id="go.jump", priority=True),
        Binding("question_mark", "go('help')", "Help", key_display="?", id="go.help"),
        Binding("left_square_bracket", "history(-1)", "Back", show=False, key_display="[", id="go.previous"),
        Binding("right_square_bracket", "history(1)", "Forward", show=False, key_display="]", id="go.next"),
        Binding("minus", "last", "Last screen", show=False, key_display="-", id="go.last"),
        Binding("n", "submit", "Submit", id="act.submit"),
        Binding("exclamation_mark", "run", "Run a script", show=False, key_display="!", id="act.run"),
        Binding("Q", "go('queue')", "Queue", show=False, id="go.queue"),
        Binding("R", "go('recipes')", "Recipes", show=False, id="go.recipes"),
        Binding("D", "go('data')", "Data", show=False, id="go.data"),
        Binding("E", "go('events')", "Events", show=False, id="go.events"),
        Binding("comma", "go('settings')", "Settings", show=False, key_display=",", id="go.settings"),
        Binding("q", "quit", "Quit", show=False, id="app.quit"),
    ]

    def __init__(self, home: Any = None, *, keep_controller: bool = True) -> None:
        """`home`: an LT_HOME other than the usual one. Without `keep_controller` none is started for live jobs."""
        self.home = home
        self.fleet: Fleet | None = None  # as the fleet's screen read it last: names for completion
        self.compare: tuple[str, ...] = ()  # ids of jobs whose curves are drawn beside another's
        self.settings: dict[str, Any] = {}
        self._history: list[Place] = [Place("fleet")]
        self._at = 0
        self._saving = asyncio.Lock()
        self._clashes: set[str] = set()  # keys given twice that were told of
        self._early: list[Callable[[], None]] | None = []  # what was told before a screen was there to show it
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.feed = Feed(self, home, keep_controller)
        self._apply_settings()

    def _apply_settings(self) -> None:
        """`[tui]` of `config.toml`; a fault in it is told, and the defaults hold."""
        self.trouble: LtError | None = None
        try:
            with Client(self.home) as client:
                self.config_path: Path = client.home.config_file
                if self.config_path.exists():
                    self.settings = client.settings()
        except LtError as error:
            self.trouble = error
        mine = self.settings.get("tui")
        mine = mine if isinstance(mine, dict) else {}
        theme = mine.get("theme")
        self.theme = theme if theme in self.available_themes else "lab-night"
        self._use_glyphs("ascii" if mine.get("glyphs") == "ascii" else "unicode")
        if mine.get("language") in ("en", "zh"):
            i18n.switch(str(mine["language"]))
        keys = mine.get("keys")
        if isinstance(keys, dict):
            self.set_keymap({str(name): str(key) for name, key in keys.items()})

    def get_default_screen(self) -> Screen[None]:
        """The fleet is always at the bottom."""
        return make(Place("fleet"))

    def on_mount(self) -> None:
        """Begins to watch the store."""
        self.feed.start()
        if not self.is_headless:
            hangup.watch()
        if self.trouble is not None:
            self.refuse(self.trouble)

    def on_ready(self) -> None:
        """The first screen has been drawn: what was told before has a place now (Textual forgets it otherwise)."""
        early, self._early = self._early or [], None
        for tell in early:
            tell()

    def on_unmount(self) -> None:
        """Lets go of it."""
        self.feed.close()

    # News

    def on_changed(self, message: Changed) -> None:
        """Hands news to the screens."""
        for page in self.pages:
            page.post_message(Changed(message.topics))

    def on_watch_failed(self, message: WatchFailed) -> None:
        """The store can't be watched."""
        if isinstance(message.error, LtError):
            self.refuse(message.error)
        else:
            self.tell(f"{type(message.error).__name__}: {message.error}", severity="error")

    def on_acted(self, message: Acted) -> None:
        """Says how a request went."""
        if isinstance(message.error, LtError):
            self.refuse(message.error)
        elif message.error is not None:
            self.tell(f"{message.act} {message.target}: {message.error}", severity="error")
        else:
            self.tell(_("{act}: asked for {target}", act=_(message.act), target=message.target))

    def tell(self, text: str, more: str = "", *, severity: Any = "information") -> None:
        """A word to the person, at the side."""
        if self._early is not None:
            self._early.append(lambda: self.tell(text, more, severity=severity))
            return
        lines = safe(text) + (f"\n→ {safe(more)}" if more else "")
        self.notify(lines, severity=severity, markup=False, timeout=8 if severity == "information" else 14)

    def refuse(self, error: LtError) -> None:
        """An error with what to do about it."""
        told = said(error)
        self.tell("\n".join((told.message, *told.details)), told.next, severity="error")

    # Going

    @property
    def pages(self) -> list[Page]:
        """The trail, from the fleet to where one is."""
        return [screen for screen in self.screen_stack if isinstance(screen, Page)]

    @property
    def crumbs(self) -> list[str]:
        """The trail's names."""
        return [page.crumb for page in self.pages]

    @property
    def page(self) -> Page | None:
        """The screen one is on; None while a question lies over it."""
        screen = self.screen
        return screen if isinstance(screen, Page) else None

    def go(self, place: Place, *, fresh: bool = False, remember: bool = True) -> None:
        """Opens a screen on top of this one, or (`fresh`) on top of the fleet."""
        if fresh:
            while len(self.screen_stack) > 1:
                self.pop_screen()
        if place.kind != "fleet":
            self.push_screen(make(place))
        if remember:
            self._history = [*self._history[: self._at + 1], place][-50:]
            self._at = len(self._history) - 1

    def jump(self, text: str) -> None:
        """Goes where `:` says; `:lt WORDS` is that command, in this terminal."""
        if text.lstrip(": ").startswith("lt "):
            from .terminal import run_typed

            run_typed(self, text.lstrip(": ").removeprefix("lt "))
            return
        known = self.fleet
        hosts = [info.name for info in known.hosts] if known else []
        jobs = [job.name for job in known.jobs] if known else []
        found = understood(text, hosts, jobs)
        if isinstance(found, Place):
            self.go(found, fresh=True)
        elif found == "quit":
            self.exit()
        elif found is not None:
            from .acts import named_act

            named_act(self, found)
        elif text.strip():
            self.tell(_("There is nothing called {name}.", name=text.strip()), severity="warning")

    def completions(self, text: str) -> list[str]:
        """What a text after `:` may become."""
        known = self.fleet
        if known is None:
            return completions(text, (), ())
        return completions(text, [info.name for info in known.hosts], [job.name for job in reversed(known.jobs)])

    async def action_back(self) -> None:
        """One step out along the crumbs; the fleet is the end."""
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_go(self, kind: str, name: str = "") -> None:
        """Opens a screen; the same one is not opened twice."""
        place = Place(kind, name)
        if kind in SCREENS and (self.page is None or self.page.place != place):
            self.go(place)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a line that is typed, `:` is a letter."""
        return not (action == "jump" and (self.page is None or self.page.typing))

    async def action_jump(self) -> None:
        """Opens the line for `:`."""
        if (page := self.page) is not None:
            await page.prompt(":")

    def action_history(self, by: int) -> None:
        """Back and forth among the places one has been to."""
        at = self._at + by
        if 0 <= at < len(self._history):
            self._at = at
            self.go(self._history[at], fresh=True, remember=False)

    def action_last(self) -> None:
        """To the place before this one, and from there back again."""
        self.action_history(-1 if self._at > 0 else 1)

    def action_submit(self) -> None:
        """A new job; for the host one stands on."""
        page = self.page
        self.go(Place("submit", page.place.name if page is not None and page.place.kind == "host" else ""))

    def action_run(self) -> None:
        """A script of yours; on the host one stands on."""
        page = self.page
        self.go(Place("run", page.place.name if page is not None and page.place.kind == "host" else ""))

    # Settings

    def save_setting(self, key: str, value: Any, done: Callable[[], None] | None = None) -> None:
        """Writes `[tui] key` and applies it now; None is the default. `done` is called when it is written."""

        def write(client: Client) -> dict[str, Any]:
            client.change_settings("tui", {key: value})
            return client.settings()

        async def run() -> None:
            try:
                async with self._saving:  # each write reads the file first: one at a time
                    self.settings = await self.feed.act(write)
            except LtError as error:
                self.refuse(error)
            if done is not None:
                done()

        self.run_worker(run(), exit_on_error=False)
        if key == "theme":
            self.theme = value or "lab-night"
        elif key == "language":
            i18n.switch(value or words.language())
        elif key == "glyphs":
            self._use_glyphs(value or "unicode")
        self.redraw()

    def _use_glyphs(self, name: str) -> None:
        """Signs of ours, and the frames and bars of the framework."""
        glyphs.use(name)
        ScrollBar.renderer = PlainBars if name == "ascii" else ScrollBarRender
        self.set_class(name == "ascii", "-ascii")

    def get_key_display(self, binding: Binding) -> str:
        """A key as it stands in the line at the bottom and in the help."""
        shown = super().get_key_display(binding)
        return shown if glyphs.glyphs().braille else glyphs.key_name(shown)

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: Any) -> None:
        """A key that `config.toml` gives to two things is told of once."""
        for binding in clashed_bindings:
            if binding.key not in self._clashes:
                self._clashes.add(binding.key)
                what = _(binding.description)
                self.tell(_("{key} has another meaning now; {what} has lost it.", key=binding.key, what=what))

    def action_help_quit(self) -> None:
        """ctrl+c by habit."""
        self.tell(_("q leaves lt; jobs and the controller go on."))

    def action_command_palette(self) -> None:
        """Everything by name."""
        from textual.command import CommandPalette

        if not any(isinstance(screen, CommandPalette) for screen in self.screen_stack):
            self.push_screen(CommandPalette(placeholder=_("a job, a host, a screen, an act …")))

    def redraw(self) -> None:
        """Everything anew: words, signs and colours have changed."""
        for page in self.pages:
            page.retranslate()

    async def ask(self, deed: Callable[[Client], T]) -> T:
        """Something of the client that may take long. Raises what it raises."""
        return await self.feed.act(deed)

    def get_system_commands(self, screen: Screen[Any]) -> Any:
        """None of the framework's own: `commands` has ours."""
        found: list[SystemCommand] = []
        yield from found
