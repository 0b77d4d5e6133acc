"""Questions whose answer is typed: a text, checked while one types; a secret; a path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import DirectoryTree, Input, Static

from ..glyphs import glyphs
from ..i18n import _
from ..text import Span, safe
from .bars import Lines

#: What is wrong with a text, as lines; none where it will do.
Check = Callable[[str], Awaitable[Sequence[tuple[Span, ...]]]]


class Ask(ModalScreen[str | None]):
    """Asks for a text; escape gives None. `check` says what is wrong with it while it is typed."""

    CSS = """
    Ask { align: center middle; background: $background 60%;
        Vertical { width: 76; max-width: 95%; height: auto; max-height: 95%; border: round $primary; padding: 1 2;
                   background: $surface; }
        .title { text-style: bold; margin-bottom: 1; height: auto; }
        .note { color: $text-muted; margin-top: 1; height: auto; }
        Input { border: none; height: 1; padding: 0 1; background: $panel; }
        Input:focus { border: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]

    def __init__(
        self, question: str, text: str = "", note: str = "", *, check: Check | None = None, secret: bool = False
    ) -> None:
        super().__init__()
        self._question = question
        self._text = text
        self._note = note
        self._check = check
        self._secret = secret

    def compose(self) -> ComposeResult:
        """The question, a line to type in, what is wrong, a note."""
        with Vertical(classes="box"):
            yield Static(safe(self._question), classes="title", markup=False)
            yield Input(self._text, password=self._secret)
            if self._check is not None:
                yield Lines(id="wrong")
            yield Static(safe(self._note, multiline=True), classes="note", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another letter: is it all right?"""
        if self._check is not None:
            self._tell(event.value)

    @work(exclusive=True, exit_on_error=False)
    async def _tell(self, text: str) -> None:
        if self._check is not None:
            self.query_one("#wrong", Lines).say(*await self._check(text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: that is it."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Escape: nothing."""
        self.dismiss(None)


class AskPath(Ask):
    """A path of the laptop, typed (tab completes) or taken from the tree below; anything else may be typed, too."""

    # A screen's CSS counts for what is inside a screen of this name alone.
    CSS = Ask.CSS.replace("Ask {", "AskPath {") + (
        "AskPath DirectoryTree { height: 12; background: $surface; margin-top: 1; padding: 0;"
        " scrollbar-size-vertical: 1; }"
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete", priority=True)]

    def compose(self) -> ComposeResult:
        """As `Ask`, with a tree of the folder one stands in."""
        with Vertical(classes="box"):
            yield Static(safe(self._question), classes="title", markup=False)
            yield Input(self._text, suggester=_Paths())
            if self._check is not None:
                yield Lines(id="wrong")
            tree = _Tree(Path.cwd())
            tree.show_guides = glyphs().braille
            yield tree
            note = _("tab completes, or goes to the tree; enter on a file takes it")
            yield Static(safe(f"{note}\n{self._note}", multiline=True), classes="note", markup=False)

    async def action_complete(self) -> None:
        """The path as far as it is clear; where nothing is to be completed, the keys go to the tree, and back."""
        field, tree = self.query_one(Input), self.query_one(_Tree)
        longer = completed(field.value) if field.has_focus else None
        if longer is not None and longer != field.value:
            field.value = longer
            field.action_end()
        else:
            (tree if field.has_focus else field).focus()

    def on_tree_node_highlighted(self, event: Any) -> None:
        """What the tree's cursor stands on."""
        if self.query_one(_Tree).has_focus and event.node.data is not None:
            self.query_one(Input).value = _from_here(event.node.data.path)

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        """Enter on a file."""
        self.dismiss(_from_here(event.path))


class _Tree(DirectoryTree):
    """Without what is hidden, and without pictures that terminals draw in different widths."""

    ICON_NODE, ICON_NODE_EXPANDED, ICON_FILE = "+ ", "- ", "  "

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        """What can be data or a model."""
        return [path for path in paths if not path.name.startswith(".")]


class _Paths(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The rest of the path."""
        return completed(value) if value else None


def completed(text: str) -> str | None:
    """`text` as far as all paths that begin so agree, a folder with its `/`; None where none does."""
    folder, slash, start = text.rpartition("/")
    where = Path(folder + slash).expanduser() if slash else Path()
    try:
        found = [path for path in where.iterdir() if path.name.startswith(start)]
    except OSError:
        return None
    found = [path for path in found if start.startswith(".") or not path.name.startswith(".")]
    if not found:
        return None
    names = [path.name for path in found]
    common = names[0]
    while not all(name.startswith(common) for name in names):
        common = common[:-1]
    end = "/" if len(found) == 1 and found[0].is_dir() else ""
    return folder + slash + common + end


def _from_here(path: Path) -> str:
    """Relative to where one stands, where it lies below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
