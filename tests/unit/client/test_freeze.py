"""What is submitted is what runs: the working folder as a copy, data as a manifest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import Manifest, from_dict
from lt_controller.freeze import Limits, data_manifest, freeze_code, survey_code
from lt_controller.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def put(folder: Path, *paths: str, text: str = "x") -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def names(folder: Path) -> list[str]:
    return [found.path for found in survey_code(folder).files]


def test_what_git_ignores_stays_at_home(work: Path) -> None:
    put(work, "a.py", "b.log", "src/c.py", "src/d.log", "src/keep.log", "out/x", "src/out/y")
    put(work, ".gitignore", text="*.log\n/out/\n")
    put(work, "src/.gitignore", text="!keep.log\n")
    assert names(work) == [".gitignore", "a.py", "src/.gitignore", "src/c.py", "src/keep.log", "src/out/y"]


def test_the_same_files_as_git_would_take(work: Path) -> None:
    put(work, "a.py", "b.o", "deep/er/c.o", "deep/er/d.py", "build/x", "deep/build/y", "data/raw.bin", "data/keep.txt")
    put(work, "foo/bar/z", "doc/a.txt", "doc/server/b.txt", "sp ace.py", "weird[1].py", "abc/x/y/z")
    put(
        work,
        ".gitignore",
        text="*.o\nbuild/\ndata/*\n!data/keep.txt\n/foo/bar\ndoc/*.txt\nabc/**/z\n# c\nweird\\[1].py\n",
    )
    put(work, "deep/.gitignore", text="!er/c.o\n")
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(work), "ls-files", "-co", "--exclude-standard", "-z"], check=True, capture_output=True
    )
    assert names(work) == sorted(listed.stdout.decode().rstrip("\0").split("\0"))


def test_rules_of_the_repository_above_hold(work: Path) -> None:
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    put(work, ".gitignore", text="*.bin\n/exp/one/skip\n")
    put(work, "exp/one/a.py", "exp/one/b.bin", "exp/one/skip", "exp/one/sub/skip")
    assert names(work / "exp" / "one") == ["a.py", "sub/skip"]


def test_ltignore_wins_over_gitignore_both_ways(work: Path) -> None:
    put(work, "data/train.jsonl", "notes.md", "a.py")
    put(work, ".gitignore", text="data/\n")
    put(work, ".ltignore", text="!data/\n*.md\n")
    assert names(work) == [".gitignore", ".ltignore", "a.py", "data/train.jsonl"]
    assert [(item.path, item.by) for item in survey_code(work).skipped] == [("notes.md", ".ltignore")]


def test_repositories_caches_and_environments_never_travel(work: Path) -> None:
    put(work, ".git/config", "pkg/__pycache__/a.pyc", ".venv/bin/python", "myenv/pyvenv.cfg", "myenv/lib/x", "a.py")
    assert names(work) == ["a.py"]


def test_links_inside_become_copies_and_links_outside_are_named(work: Path, tmp_path: Path, home: Home) -> None:
    put(tmp_path, "secret")
    put(work, "real/a.py", text="hello")
    (work / "link.py").symlink_to("real/a.py")
    (work / "folder").symlink_to("real")
    (work / "loop").symlink_to(".")
    (work / "out.py").symlink_to(tmp_path / "secret")
    (work / "gone").symlink_to("nowhere")
    os.mkfifo(work / "pipe")
    frozen = freeze_code(work, home)
    assert sorted(p.relative_to(frozen.source).as_posix() for p in frozen.source.rglob("*") if p.is_file()) == [
        "folder/a.py",
        "link.py",
        "real/a.py",
    ]
    assert not (frozen.source / "link.py").is_symlink()
    assert {(item.path, item.why) for item in frozen.skipped} == {
        ("out.py", "link_outside"),
        ("gone", "broken_link"),
        ("loop", "broken_link"),
        ("pipe", "special"),
    }


def test_editing_after_the_freeze_changes_nothing(work: Path, home: Home) -> None:
    put(work, "a.py", text="before")
    frozen = freeze_code(work, home)
    put(work, "a.py", text="after!")
    assert (frozen.source / "a.py").read_text() == "before"
    again = freeze_code(work, home)
    assert again.digest != frozen.digest and (again.source / "a.py").read_text() == "after!"


def test_the_same_content_is_the_same_snapshot(work: Path, home: Home) -> None:
    put(work, "a.py", "b/c.py")
    first = freeze_code(work, home)
    os.utime(work / "a.py", (1, 1))
    second = freeze_code(work, home)
    assert (second.digest, second.source, second.manifest) == (first.digest, first.source, first.manifest)


def test_the_manifest_is_what_lies_in_the_copy(work: Path, home: Home) -> None:
    put(work, "run.sh", text="#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    put(work, "子/a b'c.py", text="y")
    frozen = freeze_code(work, home)
    value = json.loads(frozen.manifest.read_text())
    manifest = from_dict(Manifest, value)
    assert manifest.kind == "data" and manifest.name == "code-work"
    for entry, raw in zip(manifest.files, value["files"], strict=True):
        path = frozen.source / entry.path
        assert path.stat().st_size == entry.size and path.stat().st_mtime_ns == raw["mtime_ns"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    assert os.access(frozen.source / "run.sh", os.X_OK)


def test_a_folder_too_big_is_refused_by_name(work: Path, home: Home) -> None:
    put(work, "data/big.bin", text="x" * 5000)
    put(work, "a.py")
    with pytest.raises(LtError) as caught:
        freeze_code(work, home, Limits(size=1000))
    assert caught.value.code == "folder_too_big" and caught.value.params["first"] == "data/"
    with pytest.raises(LtError):
        freeze_code(work, home, Limits(files=1))
    assert not list(home.cache.glob("code/*"))


def test_nothing_half_done_stays_when_a_file_cannot_be_read(
    work: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(work, "a.py", "b.py")
    survey = survey_code(work)
    monkeypatch.setattr("lt_controller.freeze.snapshot.survey_code", lambda folder, limits: survey)
    (work / "b.py").unlink()
    with pytest.raises(LtError) as caught:
        freeze_code(work, home)
    assert caught.value.code == "file_unreadable"
    assert not list(home.cache.glob("code/*")) and not list(home.cache.glob("code/.*"))


def test_files_written_during_the_freeze_still_match_their_manifest(work: Path, home: Home) -> None:
    put(work, *[f"f{i}" for i in range(50)], text="0" * 1000)
    stop = threading.Event()

    def scribble() -> None:
        count = 0
        while not stop.is_set():
            count += 1
            put(work, f"f{count % 50}", text=str(count % 10) * 1000)

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        for _ in range(5):
            frozen = freeze_code(work, home)
            for entry in json.loads(frozen.manifest.read_text())["files"]:
                content = (frozen.source / entry["path"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    finally:
        stop.set()
        thread.join()


def test_a_data_file_is_recorded_and_not_copied(work: Path, home: Home) -> None:
    put(work, "train.jsonl", text='{"text": "a"}\n')
    frozen = data_manifest(work / "train.jsonl", "train", home)
    assert frozen.reference == f"data:train/{frozen.digest}/train.jsonl"
    assert frozen.source == work
    entry = json.loads(frozen.manifest.read_text())["files"]
    stat = (work / "train.jsonl").stat()
    assert [(e["path"], e["size"], e["mtime_ns"]) for e in entry] == [("train.jsonl", stat.st_size, stat.st_mtime_ns)]


def test_a_data_folder_takes_everything_but_links_outside(work: Path, home: Home, tmp_path: Path) -> None:
    put(work, "a.jsonl", ".gitignore", "sub/b.jsonl", text="*")
    put(tmp_path, "secret")
    (work / "s").symlink_to(tmp_path / "secret")
    frozen = data_manifest(work, "my data", home)
    assert frozen.name == "my_data" and frozen.files == 3 and frozen.rest == ""
    assert [item.why for item in frozen.skipped] == ["link_outside"]


def test_a_model_in_the_hub_cache_travels_through_its_links(tmp_path: Path, home: Home) -> None:
    repo = tmp_path / "models--org--tiny"
    put(repo, "blobs/abc", text="weights")
    (repo / "snapshots" / "main").mkdir(parents=True)
    (repo / "snapshots" / "main" / "model.safetensors").symlink_to("../../blobs/abc")
    frozen = data_manifest(repo / "snapshots" / "main", "tiny", home)
    assert frozen.files == 1 and frozen.size == 7


def test_missing_data_is_named(work: Path, home: Home) -> None:
    with pytest.raises(LtError) as caught:
        data_manifest(work / "no.jsonl", "no", home)
    assert caught.value.code == "no_such_path"
    with pytest.raises(LtError) as caught:
        data_manifest(work, "empty", home)
    assert caught.value.code == "empty_folder"


def test_a_second_freeze_reads_no_file_again(work: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    put(work, "a.jsonl", text="1")
    old = (work / "a.jsonl").stat().st_mtime - 60
    os.utime(work / "a.jsonl", (old, old))
    monkeypatch.setattr("lt_controller.freeze.hashes._RACY_SECONDS", -1.0)
    first = data_manifest(work / "a.jsonl", "a", home)

    def forbidden(path: object, note: object) -> str:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr("lt_controller.freeze.hashes.sha256_of", forbidden)
    assert data_manifest(work / "a.jsonl", "a", home).digest == first.digest
