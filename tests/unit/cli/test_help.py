"""`--help` in both languages, what a shell completes, and that every command named anywhere is one."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unicodedata import east_asian_width

import click
import pytest
from click.shell_completion import ShellComplete

from lt_controller.cli.lazy import LazyGroup
from lt_controller.cli.root import COMMANDS, SECTIONS, lt
from lt_controller.wording.chinese import CATALOGUE as CHINESE
from lt_controller.wording.chinese.help_commands import COMMANDS as CHINESE_COMMANDS
from lt_controller.wording.chinese.help_options import OPTIONS as CHINESE_OPTIONS
from lt_controller.wording.chinese.help_pages import PAGES as CHINESE_PAGES
from lt_controller.wording.english import CATALOGUE as ENGLISH
from support.store import Store

ROOT = Path(__file__).parents[3]
FIXED = {"Usage:", "Options", *SECTIONS, "Commands"}
PROSE = {"itself", "builds", "shows", "did"}  # words that follow `lt` where it is no command


def commands(command: click.Command = lt, path: str = "lt") -> Iterator[tuple[str, click.Command]]:
    """Every command with what is typed for it."""
    yield path, command
    if isinstance(command, LazyGroup):
        for name in command.table:
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from commands(found, f"{path} {name}")


def told() -> Iterator[str]:
    """Every text of every `--help`, as the tables of translations have it."""
    for path, command in commands():
        for part in inspect.cleandoc(command.help or "").split("\n\n"):
            if not part.startswith("\b"):
                yield " ".join(part.split())
        for param in command.get_params(click.Context(command, info_name=path)):
            if isinstance(param, click.Option):
                yield param.help or ""
        if isinstance(command, LazyGroup):
            yield from (text for _, _, text in command.table.values())


def page(path: str, command: click.Command) -> str:
    """What `--help` of the command prints."""
    return command.get_help(command.context_class(command, info_name=path))


def test_every_command_has_a_page_that_begins_with_how_it_is_typed(store: Store) -> None:
    for path, command in commands():
        assert page(path, command).startswith(f"Usage: {path} ")


def test_each_command_stands_under_one_heading() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)


def test_all_help_has_its_chinese_and_no_chinese_is_left_over() -> None:
    english = {text for text in told() if text} | FIXED
    chinese = {*CHINESE_COMMANDS, *CHINESE_OPTIONS, *CHINESE_PAGES}
    assert english - chinese == set(), "add these to wording/chinese/help_*.py"
    assert chinese - english == set(), "no --help says these any more"


@pytest.mark.parametrize("columns", [60, 80])
def test_chinese_help_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LT_LANG", "zh")
    monkeypatch.setenv("COLUMNS", str(columns))
    for path, command in commands():
        text = page(path, command)
        assert "用法：" in text and "选项：" in text and "显示本说明并退出" in text
        for line in text.splitlines():
            wide = sum(2 if east_asian_width(sign) in "WF" else 1 for sign in line)
            assert wide <= columns + 1 or not re.search("[\u4e00-\u9fff]", line), (path, line)


def test_a_shell_completes_commands_hosts_jobs_and_recipes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_LT_COMPLETE", "bash_complete")
    store.job("tiny-sft-a1", "succeeded")

    def offered(*words: str) -> list[str]:
        shell = ShellComplete(lt, {}, "lt", "_LT_COMPLETE")
        return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]

    assert offered("su") == ["submit"]
    assert "connect" in offered("host", "")
    assert offered("submit", "lo") == ["local"]
    assert {"tiny-sft", "tiny-sft-lora"} <= set(offered("submit", "local", "tiny-s"))
    assert offered("show", "tiny") == ["tiny-sft-a1"]
    assert offered("ps", "--host", "l") == ["local"]
    assert "--follow" in offered("submit", "local", "tiny-sft", "--f")
    store.home.hosts_file.write_text("no table")
    assert offered("submit", "lo") == []  # and no error in the middle of somebody's line


def test_completing_a_command_imports_no_other(store: Store) -> None:
    code = "import sys; from lt_controller.cli import main; main(); print(*sys.modules, file=sys.stderr)"
    environment = {"COMP_WORDS": "lt s", "COMP_CWORD": "1", "_LT_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    assert "plain,submit" in done.stdout.splitlines()
    assert not {"rich", "lt_controller.client", "lt_controller.cli.submit"} & set(done.stderr.split())


def named() -> Iterator[tuple[str, str]]:
    """(where, text) of all that names commands: what lt says, and the code in the documentation."""
    for language, catalogue in (("en", ENGLISH), ("zh", CHINESE)):
        for code, sentences in {**catalogue.ERRORS, **catalogue.CHECKS}.items():
            yield from ((f"{language} {code}", sentence) for sentence in sentences)
        for kind in (catalogue.PHRASES, catalogue.REASONS, catalogue.WAITS, catalogue.EVENTS, catalogue.ADDING):
            yield from ((f"{language} {code}", sentence) for code, sentence in kind.items())
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        fenced = False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            fenced ^= line.startswith("```")
            for code in [line.partition("#")[0]] if fenced else re.findall("`([^`]+)`", line):
                yield f"{page.name}:{number}", code


def wrong(text: str) -> Iterator[str]:
    """The commands in `text` that there are none of, and options that theirs have not."""
    known = dict(commands())
    for first, rest in re.findall(r"(?<![\w./-])lt ([a-z][a-z-]*)([^\n`;，；。→|&]*)", text):
        path, words = f"lt {first}", rest.split(" -- ")[0]
        sub = re.match(r" ([a-z]+)", words)
        if sub and isinstance(known.get(path), LazyGroup):
            path += f" {sub[1]}"
        if path not in known:
            if first not in PROSE:
                yield f"no command {path}"
            continue
        command = known[path]
        params = command.get_params(click.Context(command))
        options = {option for param in params for option in (*param.opts, *param.secondary_opts)}
        for option in re.findall(r"(?<= )--[a-z-]+", re.split(r", or | 取回 | brings ", words)[0]):
            if option not in options:
                yield f"{path} has no {option}"


def test_every_command_that_is_named_anywhere_exists() -> None:
    assert [(where, fault) for where, text in named() if "lt " in text for fault in wrong(text)] == []
