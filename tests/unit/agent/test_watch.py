"""A folder's changes wake whoever watches it, and reading its files does not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lt_agent.watch import FolderWatch
from support.wait import until


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in "ab":
        (tmp_path / name).mkdir()
    return tmp_path / "a", tmp_path / "b"


def test_an_append_wakes_and_names_the_folder(folders: tuple[Path, Path]) -> None:
    woken = threading.Event()
    watch = FolderWatch(woken.set)
    for folder in folders:
        watch.add(folder)
    (folders[1] / "log").write_text("line\n")
    assert woken.wait(5)
    assert until(watch.changed, 5) == [folders[1]]
    watch.close()


def test_reading_wakes_nobody(folders: tuple[Path, Path]) -> None:
    (folders[0] / "log").write_text("line\n")
    woken = threading.Event()
    watch = FolderWatch(woken.set)
    watch.add(folders[0])
    (folders[0] / "log").read_text()
    (folders[0] / "end").write_text("")  # events come in order: this one ends the wait
    assert woken.wait(5)
    assert until(watch.changed, 5) == [folders[0]]
    watch.close()


def test_a_folder_removed_and_deleted_leaves_the_others_served(folders: tuple[Path, Path]) -> None:
    woken = threading.Event()
    watch = FolderWatch(woken.set)
    for folder in folders:
        watch.add(folder)
    watch.remove(folders[0])
    (folders[0] / "x").write_text("")
    folders[0].joinpath("x").unlink()
    folders[0].rmdir()
    watch.remove(folders[0])
    (folders[1] / "log").write_text("line\n")
    until(lambda: folders[1] in watch.changed(), 5)
    watch.close()


def test_a_folder_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    watch = FolderWatch(lambda: None)
    watch.add(tmp_path / "absent")
    assert not watch.active
    watch.close()


def test_the_last_line_of_a_log_that_went_on_is_told_too(folders: tuple[Path, Path]) -> None:
    wakes: list[None] = []
    watch = FolderWatch(lambda: wakes.append(None))
    watch.add(folders[0])
    with (folders[0] / "log").open("w", buffering=1) as log:

        def another_wake() -> bool:
            log.write("line\n")
            return len(wakes) > 40  # by then news are gathered for longer

        until(another_wake, 30)
        watch.changed()
        log.write("the last\n")
    assert until(watch.changed, 30) == [folders[0]]
    watch.close()
