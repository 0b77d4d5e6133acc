"""`lt recipe`: the gallery, and recipes of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lt_agent.protocol.errors import LtError

from ..display import safe
from ..wording import phrase
from ..wording.exits import USAGE
from .common import json_option
from .lazy import LazyGroup
from .output import emit, emit_json, emit_table, note

if TYPE_CHECKING:
    from ..client.reviewing import Review

COMMANDS = {
    "ls": ("recipe", "ls", "the gallery"),
    "show": ("recipe", "show", "a recipe's text"),
    "check": ("recipe", "check", "every problem of a recipe and its data, with file and line"),
    "test": ("recipe", "test", "run a recipe on a tiny model, for a minute, on this machine"),
    "new": ("recipe_new", "new", "a recipe of your own, for your model, data and host"),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def recipe() -> None:
    """What to train and how: recipes of the gallery, and yours."""


@click.command()
@json_option
def ls(as_json: bool) -> int:
    """The recipes that are shipped."""
    from lt_recipes.loading import gallery

    entries = gallery()
    if as_json:
        emit_json(entries)
    else:
        emit_table(("RECIPE", "WHAT"), [(entry.name, entry.title) for entry in entries])
    return 0


@click.command()
@click.argument("name", metavar="RECIPE")
def show(name: str) -> int:
    """The text of a gallery recipe, comments and all."""
    from lt_recipes.loading import recipe_text
    from lt_recipes.problems import RecipeError

    try:
        emit(recipe_text(name).rstrip("\n"))
    except RecipeError as error:
        raise _refused(name, error) from None
    return 0


@click.command()
@click.argument("file", metavar="RECIPE")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--host", metavar="HOST", help="also against this host: precision, memory, disk")
@json_option
def check(file: str, overrides: tuple[str, ...], host: str | None, as_json: bool) -> int:
    """Check a recipe (a file or a gallery name), the data it names and what would come of it.

    Problems would make the run fail, or something else than was meant; warnings are worth a look. Exit code 2 where
    there is a problem, 0 with warnings alone.
    """
    from ..client import Client
    from ..client.reviewing import review_recipe

    if host is None:
        found = review_recipe(None, file, overrides)
    else:
        with Client() as client:
            found = review_recipe(client, file, overrides, host)
    if as_json:
        emit_json(_as_json(found))
    else:
        _show(file, found)
    return USAGE if found.problems else 0


def _as_json(found: Review) -> dict[str, Any]:
    told = [
        {"weight": f.weight, "code": f.code, "key": f.key, "file": f.file, "line": f.line}
        | {"text": f.text(), "params": f.params}
        for f in found.found
    ]
    return {"recipe": found.recipe, "sends": found.sends, "lengths_by": found.tokens, "findings": told}


def _show(file: str, found: Review) -> None:
    for item in found.found:
        emit(safe(f"{phrase('review_' + item.weight)}: {item.place()}: {item.text()}"))
    warnings = len(found.found) - found.problems
    key = "review_failed" if found.problems else "review_passed"
    note(phrase(key, recipe=file, problems=found.problems, warnings=warnings or None))
    for name, path in found.sends.items():
        note(f"  {name}: {safe(str(path))}")


@click.command()
@click.argument("name", metavar="RECIPE")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--host", metavar="HOST", default="local", show_default=True, help="where to run it")
def test(name: str, overrides: tuple[str, ...], host: str) -> int:
    """Train a recipe (a file or a gallery name) for a few steps with a tiny model on the CPU: does it run at all?

    The method, its settings, the adapter, the rewards and your data (or shipped data of its type) are the recipe's own;
    the model, the batch and the lengths are small.
    """
    import json
    import tempfile

    from lt_recipes.loading import load
    from lt_recipes.problems import RecipeError
    from lt_recipes.tiny_version import tiny_version

    from ..client import Client
    from .follow import follow_job

    try:
        small = tiny_version(load(name, overrides, check_paths=False), Path.cwd())
    except RecipeError as error:
        raise _refused(name, error) from None
    with tempfile.TemporaryDirectory(prefix="lt-test-") as folder, Client() as client:
        # JSON is YAML too.
        file = Path(folder) / f"test-{Path(name).stem}.yaml"
        file.write_text(json.dumps(small.model_dump(mode="json")), encoding="utf-8")
        job = client.submit(host, file)
        emit(job.name)
        return follow_job(client, job.id)


def _refused(name: str, error: Any) -> LtError:
    from ..client.data import bad_recipe

    return bad_recipe(name, error.problems)
