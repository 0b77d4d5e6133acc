"""Names of secrets in the system's keyring; no value is ever shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from lt_controller.client import Client
from lt_controller.client.details import Secret

from ...i18n import _
from ...page import Page
from ...text import phrase
from ...widgets.asking import Ask
from ...widgets.bars import Heading, KeyBar, Lines, TopBar
from ...widgets.dialogs import Confirm
from ...widgets.table import Column, Table


class SecretsScreen(Page):
    """What jobs may ask for by name: `a` keeps one, `X` takes it away."""

    EVERY = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "keep", "Keep one", id="secret.keep"),
        Binding("X", "drop", "Take away", id="secret.drop"),
    ]

    def compose(self) -> ComposeResult:
        """One table."""
        yield TopBar()
        yield Heading("Secrets")
        columns = [
            Column[Secret]("name", "NAME", 24, lambda s, _w: ((s.name, "bold"),), grow=1),
            Column[Secret]("from", "FROM", 24, lambda s, _w: ((_source(s), "dim"),), grow=2),
        ]
        empty = _("None is kept yet: a keeps one.")
        yield Table[Secret](columns, lambda item: item.name, id="secrets", empty=empty)
        yield Lines(id="secrets-note", wraps=True)
        yield KeyBar()

    def read(self, client: Client) -> Sequence[Secret]:
        """Their names."""
        return client.secrets()

    def show(self, data: Sequence[Secret]) -> None:
        """Fills the table."""
        self.query_one(Table).set_items(data)
        note = _("A recipe names them under secrets, a script in its form. A value is written down nowhere else.")
        self.query_one("#secrets-note", Lines).say(((note, "dim"),))

    def action_keep(self) -> None:
        """A name, then its value, which is not shown."""

        def named(name: str | None) -> None:
            if name and name.strip():
                self.app.push_screen(Ask(name.strip(), "", _("Its value; it is not shown."), secret=True), valued(name))

        def valued(name: str) -> Callable[[str | None], None]:
            def given(value: str | None) -> None:
                if value:
                    self.do(lambda client: client.set_secret(name.strip(), value), phrase("secret_kept", name=name))

            return given

        self.app.push_screen(Ask(_("Name of the variable"), "", "HF_TOKEN"), named)

    def action_drop(self) -> None:
        """Out of the keyring, after a question."""
        secret: Secret | None = self.query_one(Table).current
        if secret is None:
            return
        name = secret.name

        def sure(yes: bool | None) -> None:
            if yes:
                told = _("{name} is no longer kept.", name=name)
                self.do(lambda client: client.remove_secret(name), told)

        self.app.push_screen(Confirm(_("Take {name} out of the keyring?", name=name)), sure)


def _source(item: Secret) -> str:
    return phrase("secret_from_environment") if item.in_environment else phrase("secret_from_keyring")
