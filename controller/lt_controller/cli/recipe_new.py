"""`lt recipe new`: a few questions, and a commented recipe for this model, data and host."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lt_agent.protocol.errors import LtError

from ..display import safe
from ..wording import phrase
from .output import emit, note

if TYPE_CHECKING:
    from ..client import Client
    from ..client.drafting import DataSeen

ADAPTERS = ("lora", "qlora", "none")
_SMALL, _LARGE = "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-7B-Instruct"


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--from", "base", metavar="NAME", help="no questions: a copy of this gallery recipe")
@click.option("--data", metavar="PATH", help="your file or folder, host:/path, or a hub id")
@click.option("--type", "type_", metavar="TYPE", help="of the data; without it the file is looked at")
@click.option("--method", metavar="METHOD", help="sft, dpo, kto, grpo …; without it what suits the data")
@click.option("--model", metavar="MODEL", help="hub id or folder")
@click.option("--adapter", type=click.Choice(ADAPTERS), help="lora, qlora (4 bits), or none: all weights are trained")
@click.option("--host", metavar="HOST", help="where it shall run: its GPU decides batch, length and precision")
@click.option("--name", metavar="NAME", help="of the recipe; its file is NAME.yaml")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="as FILE")
@click.option("--yes", "-y", is_flag=True, help="ask nothing: take what is proposed")
@click.option("--force", is_flag=True, help="overwrite FILE")
def new(
    file: Path | None,
    base: str | None,
    data: str | None,
    type_: str | None,
    method: str | None,
    model: str | None,
    adapter: str | None,
    host: str | None,
    name: str | None,
    out: Path | None,
    yes: bool,
    force: bool,
) -> int:
    """Write a recipe of your own: asks for data, method, model and host, and proposes what suits them.

    Each question has an option. With --yes, or without a terminal, nothing is asked, and --data is needed.

    \b
    lt recipe new
    lt recipe new mine.yaml --data train.jsonl --model Qwen/Qwen2.5-7B-Instruct --host a100 --yes
    lt recipe new mine.yaml --from sft-lora
    """
    target = out or file
    if base is not None:
        from ..client.recipes import copied

        return _write(target or Path(f"{name or base}.yaml"), copied(base), force)
    asking = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    from ..client import Client

    with Client() as client:
        given = _Given(data, type_, method, model, adapter, host)
        answers = _asked(client, given) if asking else _proposed(client, given)
        target = target or (Path(f"{name}.yaml") if name else None) or _target(answers, asking)
        return _drafted(client, answers, target, force)


@dataclass(frozen=True)
class _Given:
    data: str | None
    type: str | None
    method: str | None
    model: str | None
    adapter: str | None
    host: str | None


@dataclass(frozen=True)
class _Answers:
    seen: DataSeen
    method: str
    model: str
    adapter: str
    host: str | None


def _proposed(client: Client, given: _Given) -> _Answers:
    from ..client.drafting import look_at_data, machine_of

    if not given.data:
        raise LtError("recipe_new_needs", options=["--data"])
    _known_method(given.method)
    seen = look_at_data(given.data, given.method, given.type)
    method = given.method or seen.methods[0]
    memory, _ = machine_of(client, given.host)
    return _Answers(seen, method, given.model or _model_for(memory), given.adapter or "lora", given.host)


def _asked(client: Client, given: _Given) -> _Answers:
    from ..client.drafting import look_at_data, machine_of
    from ..client.recipes import methods

    _known_method(given.method)
    seen = None
    while seen is None:
        path = given.data or _ask("new_ask_data")
        try:
            seen = look_at_data(path, given.method, given.type)
        except LtError as error:
            if given.data:
                raise
            from ..wording import say

            note(str(say(error)))
    if seen.rows:
        note(
            phrase("new_seen_data", path=seen.path, rows=seen.rows, type=seen.type, columns=dict(seen.columns) or None)
        )
    choices = list(seen.methods) or methods()
    method = given.method or _choice("new_ask_method", choices, choices[0])
    names = [info.name for info in client.hosts()]
    note(phrase("new_ask_host_known", hosts=names))
    host = given.host
    while host is None or (host and host not in names):
        host = _ask("new_ask_host", default="")
        if host and host not in names:
            note(phrase("new_ask_host_known", hosts=names))
    memory, _ = machine_of(client, host or None)
    if host and memory:
        note(phrase("new_seen_gpu", host=host, memory=memory))
    model = given.model or _ask("new_ask_model", default=_model_for(memory))
    adapter = given.adapter or _choice("new_ask_adapter", list(ADAPTERS), "lora")
    return _Answers(seen, method, model, adapter, host or None)


def _drafted(client: Client, answers: _Answers, target: Path, force: bool) -> int:
    from ..client.drafting import draft_recipe_text
    from ..client.reviewing import review_recipe

    where = answers.host or phrase("new_any_host")
    header = [
        phrase("new_title", method=answers.method, model=answers.model, data=answers.seen.path, host=where),
        "",
        phrase("new_check", file=str(target)),
        phrase("new_run", file=str(target), host=answers.host or "HOST"),
    ]
    seen = answers.seen
    made = draft_recipe_text(client, seen, answers.method, answers.model, answers.adapter, answers.host, header)
    code = _write(target, made.text, force)
    try:
        found = review_recipe(client, str(target), (), answers.host)
    except LtError as error:
        # Written all the same: what is wrong with the data is told, and the recipe waits for it.
        from ..wording import say

        note(str(say(error)))
        return 1
    for item in found.found:
        note(safe(f"{phrase('review_' + item.weight)}: {item.place()}: {item.text()}"))
    return 1 if found.problems else code


def _write(file: Path, text: str, force: bool) -> int:
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise LtError("file_exists", path=str(file)) from None
    except OSError as error:
        raise LtError("not_written", path=str(file), why=error.strerror or str(error)) from None
    emit(str(file))
    return 0


def _target(answers: _Answers, asking: bool) -> Path:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(answers.seen.path).stem).strip("-.") or "recipe"
    proposed = f"{answers.method}-{stem}"
    return Path(f"{_ask('new_ask_name', default=proposed) if asking else proposed}.yaml")


def _known_method(method: str | None) -> None:
    from ..client.recipes import methods

    if method is not None and method not in methods():
        raise LtError("no_such_method", method=method, known=methods())


def _model_for(memory: int | None) -> str:
    return _SMALL if memory is not None and memory < 7 * 10**9 else _LARGE


def _ask(key: str, default: str | None = None) -> str:
    return str(click.prompt(phrase(key), default=default, show_default=bool(default), err=True)).strip()


def _choice(key: str, choices: list[str], default: str) -> str:
    return str(click.prompt(phrase(key), type=click.Choice(choices), default=default, err=True))
