"""`lt host prepare`: a host without a way out gets all that a recipe needs, before there is a job for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

from . import queries
from .hosts import HostCalls

if TYPE_CHECKING:
    from ..freeze import Frozen

POLL = 0.5  # seconds between two looks at how far a transfer is
SEND_LIMIT = 24 * 3600.0  # seconds for all that a recipe needs

#: Called with (what, done, total): `wheels` are counted, the rest is bytes.
Progress = Callable[[str, int, int], None]


class PrepareCalls(HostCalls):
    """The part of the client that speaks of hosts without a network."""

    def prepare_host(
        self, host: str, recipe: str, overrides: Sequence[str], progress: Progress, folder: Path | None = None
    ) -> dict[str, Any]:
        """Sends all that a job by this recipe needs there, and marks the host as one without a way out.

        Returns `{sent, there}`, names of snapshots. May be cut and repeated: what is there is not sent again. Raises
        as `submit`, and `wheel_missing`, `offline_no_python`, `not_here_offline{id}`.
        """
        from . import wheelhouse
        from .client import Client
        from .planning import draft_recipe, environment, known_facts

        assert isinstance(self, Client)
        folder = folder or Path.cwd()
        info = self.host(host)
        facts = known_facts(self, info)
        loaded = _loaded(recipe, overrides, folder)
        env = environment(loaded.environment, info, facts, loaded.resources.gpus, loaded.method, loaded.lock)
        builds = env.kind != "existing"
        if builds:
            wheelhouse.download(env, facts, self.home, lambda done, total: progress("wheels", done, total))
        if not info.host.offline:
            self.edit_host(host, {"offline": True})
        draft = draft_recipe(self, host, recipe, list(overrides), None, folder)
        with self._acting("host prepare", host, recipe=recipe, snapshots=[item.reference for item in draft.data]):
            pass  # it takes long, and the database is not to wait for it
        return self._send(host, draft.data, builds, progress)

    def _send(self, host: str, items: Sequence[Frozen], uv: bool, progress: Progress) -> dict[str, Any]:
        """Asks the controller to send, and tells how far it is until it has."""
        done: list[Any] = []
        before = {(item.what, item.started_at) for item in queries.transfers(self._db, None)}

        def ask() -> None:
            try:
                snapshots = [item.intent() for item in items]
                done.append(self._call("send", SEND_LIMIT, name=host, snapshots=snapshots, uv=uv))
            except LtError as error:
                done.append(error)

        asking = threading.Thread(target=ask, name="send", daemon=True)
        asking.start()
        while asking.is_alive():
            asking.join(POLL)
            for item in queries.transfers(self._db, None)[:20]:
                if item.host == host and item.direction == "push" and (item.what, item.started_at) not in before:
                    progress(item.what, item.done, item.total)
        if not done or isinstance(done[0], LtError):
            raise done[0] if done else LtError("controller_gone", log=str(self.home.controller_log))
        return dict(done[0])


def _loaded(recipe: str, overrides: Sequence[str], folder: Path) -> Any:
    from lt_recipes.loading import load
    from lt_recipes.problems import RecipeError

    from .data import bad_recipe

    try:
        return load(recipe, list(overrides), folder)
    except RecipeError as error:
        raise bad_recipe(recipe, error.problems) from None
