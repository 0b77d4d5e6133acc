"""Problems of recipes and data in Chinese: every sentence that the source can say has one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import lt_recipes
from lt_controller.wording.chinese.pipeline_problems import SENTENCES as PIPELINES
from lt_controller.wording.chinese.recipe_problems import SENTENCES
from lt_controller.wording.problems import problem_text, sentence, told
from lt_recipes.refused import REFUSED

PACKAGE = Path(lt_recipes.__file__).parent
FILES = ["validation.py", "loading.py", "paths.py", "overrides.py", "extending.py", "dataset_check.py", "data_files.py"]
FILES += ["pipeline/schema.py", "pipeline/loading.py"]
FILES += ["sweeping/section.py", "sweeping/checking.py", "sweeping/reading.py"]
FILES += sorted(f"schema/{path.name}" for path in (PACKAGE / "schema").glob("*.py"))
SAYING = {"ValueError", "Problem", "RowError", "tell", "add", "problem"}
JOINED = {"{} {}", "{}: {}", "{}{}"}  # two sentences, or a value and one
OURS = ("not a data type: {}",)  # a mistake of the program's, not of a person


def pattern(node: ast.expr) -> str:
    """A literal or an f-string as `text {} text`; empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return ""


def said() -> Iterator[tuple[str, str]]:
    """(pattern, file) of what is passed to whatever tells a problem."""
    for name in FILES:
        for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                function = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if function in SAYING:
                    for argument in node.args:
                        text = pattern(argument)
                        if " " in text and text not in (*JOINED, *OURS):
                            yield text, name


def translated(text: str) -> bool:
    """Whether the sentence, with any word in place of its values, comes out in Chinese."""
    return any("\u4e00" <= letter <= "\u9fff" for letter in sentence(text.replace("{}", "x"), "zh"))


def test_every_problem_has_chinese_words() -> None:
    missing = {text: file for text, file in said() if not (translated(text) or translated("x " + text))}
    assert not missing


def test_both_sides_speak_of_the_same_values() -> None:
    for english, chinese in {**SENTENCES, **PIPELINES}.items():
        if "{}" in english:
            named = [name for _, name, _, _ in Formatter().parse(chinese) if name is not None]
            assert len(named) == english.count("{}"), english


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("is not known", "不认识这个键"),
        ("must be at least 0, not -1", "不得小于 0，现在是 -1"),
        ("turn 2 of messages: content must be text, not null", "messages 的第 2 轮：content 必须是文本，而不是 null"),
        ("something new that nobody has translated", "something new that nobody has translated"),
    ],
)
def test_values_keep_their_place(english: str, chinese: str) -> None:
    assert sentence(english, "zh") == chinese
    assert sentence(english, "en") == english


def test_what_a_recipe_does_not_take_is_told_in_chinese() -> None:
    told = {text for block in REFUSED.values() for pair in block.values() for text in pair}
    assert [text for text in sorted(told) if not translated(text)] == []


def test_a_problem_keeps_its_file_line_and_key() -> None:
    problem: dict[str, Any] = {"file": "a.yaml", "line": 3, "key": "train.lr", "message": "is not known"}
    assert problem_text({**problem, "hint": "did you mean learning_rate?"}, "zh") == (
        "a.yaml:3: train.lr: 不认识这个键 (是不是想写 learning_rate？)"
    )
    assert told("d.jsonl:2: is UTF-16 (save the file as UTF-8)", "zh") == "d.jsonl:2: 是 UTF-16 (请把文件存为 UTF-8)"
