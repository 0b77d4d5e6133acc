"""Data snapshots: complete or not there at all, verified once, shared by links."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from lt_agent import snapshots
from lt_agent.protocol.errors import LtError
from lt_agent.protocol.files import read_json, write_json
from lt_agent.protocol.paths import HostRoot
from support.bridge_client import BridgeClient

FILES = {"train.jsonl": b'{"text": "a"}\n' * 1000, "sub dir/it's.txt": "köln\n".encode(), "empty": b""}


@pytest.fixture
def root(tmp_path: Path) -> HostRoot:
    return HostRoot(tmp_path / "root")


def push(root: HostRoot, digest: str, files: Mapping[str, bytes] = FILES, name: str = "set") -> Path:
    """Stages files as rsync would and returns the staging folder."""
    staging, _ = snapshots.stage(root, name, digest)
    for path, data in files.items():
        target = staging / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    describe(staging, digest, files)
    return staging


def describe(staging: Path, digest: str, files: Mapping[str, bytes]) -> None:
    entries = [
        {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in files.items()
    ]
    write_json(staging / "manifest.json", {"name": digest, "kind": "data", "base": "", "files": entries})


def refused(root: HostRoot, digest: str = "d1") -> LtError:
    with pytest.raises(LtError) as caught:
        snapshots.commit(root, "set", digest)
    assert not snapshots.is_complete(root, "set", digest)
    return caught.value


def test_what_was_pushed_becomes_a_read_only_snapshot(root: HostRoot) -> None:
    wanted = [{"name": "set", "digest": "d1"}]
    assert snapshots.missing(root, wanted) == wanted
    staging = push(root, "d1")
    assert snapshots.missing(root, wanted) == wanted
    snapshots.commit(root, "set", "d1")
    assert snapshots.missing(root, wanted) == []
    folder = root.data("set", "d1")
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert all((folder / path).stat().st_mode & 0o222 == 0 for path in FILES)
    assert not staging.exists()
    snapshots.check_unchanged(root, "set", "d1")


def test_committing_again_changes_nothing(root: HostRoot) -> None:
    push(root, "d1")
    snapshots.commit(root, "set", "d1")
    before = root.data_manifest("set", "d1").stat().st_mtime_ns
    snapshots.stage(root, "set", "d1")
    snapshots.commit(root, "set", "d1")
    assert root.data_manifest("set", "d1").stat().st_mtime_ns == before
    assert not root.data_staging("set", "d1").exists()


def test_absent_and_short_files_are_named(root: HostRoot) -> None:
    staging = push(root, "d1")
    (staging / "files" / "empty").unlink()
    (staging / "files" / "train.jsonl").write_bytes(b"short")
    error = refused(root)
    assert error.code == "incomplete"
    assert sorted(error.params["missing"]) == ["empty", "train.jsonl"]


def test_without_a_manifest_it_is_incomplete(root: HostRoot) -> None:
    snapshots.stage(root, "set", "d1")
    assert refused(root).code == "incomplete"


def test_wrong_content_is_refused_and_removed_so_that_the_next_push_mends_it(root: HostRoot) -> None:
    staging = push(root, "d1")
    data = bytearray(FILES["train.jsonl"])
    data[0] ^= 1
    (staging / "files" / "train.jsonl").write_bytes(bytes(data))
    error = refused(root)
    assert (error.code, error.params["path"]) == ("data_mismatch", "train.jsonl")
    assert not (staging / "files" / "train.jsonl").exists()
    push(root, "d1")
    snapshots.commit(root, "set", "d1")


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../b", "", "a//b", "./a", "nul\0"])
def test_paths_that_lead_outside_are_refused(root: HostRoot, path: str) -> None:
    staging = push(root, "d1")
    describe(staging, "d1", {path: b""})
    assert refused(root).code == "bad_manifest"


@pytest.mark.parametrize("where", ["file", "folder"])
def test_links_are_refused(root: HostRoot, tmp_path: Path, where: str) -> None:
    staging = push(root, "d1", {"a/b": b"x"})
    (tmp_path / "b").write_bytes(b"x")
    target = staging / "files" / ("a/b" if where == "file" else "a")
    if where == "folder":
        (target / "b").unlink()
        target.rmdir()
        target.symlink_to(tmp_path)
    else:
        target.unlink()
        target.symlink_to(tmp_path / "b")
    assert refused(root).code == "data_mismatch"


def test_what_the_manifest_does_not_name_does_not_stay(root: HostRoot, tmp_path: Path) -> None:
    staging = push(root, "d1")
    (staging / "files" / ".rsync-partial").mkdir()
    (staging / "files" / ".rsync-partial" / "piece").write_bytes(b"x")
    (staging / "files" / "link").symlink_to(tmp_path)
    snapshots.commit(root, "set", "d1")
    names = {str(path.relative_to(root.data("set", "d1"))) for path in root.data("set", "d1").rglob("*")}
    assert names == {"train.jsonl", "sub dir", "sub dir/it's.txt", "empty"}
    assert tmp_path.exists()


def test_links_to_an_earlier_snapshot_are_not_read_again(root: HostRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    push(root, "d1")
    snapshots.commit(root, "set", "d1")
    staging, earlier = snapshots.stage(root, "set", "d2")
    assert earlier == [root.data("set", "d1")]
    os.link(earlier[0] / "train.jsonl", staging / "files" / "train.jsonl")
    (staging / "files" / "new").write_bytes(b"new")
    describe(staging, "d2", {"train.jsonl": FILES["train.jsonl"], "new": b"new"})
    hashed: list[str] = []
    real = snapshots.sha256
    monkeypatch.setattr(snapshots, "sha256", lambda path: (hashed.append(path.name), real(path))[1])
    snapshots.commit(root, "set", "d2")
    assert hashed == ["new"]


def test_a_link_to_a_file_that_was_changed_since_is_read_and_refused(root: HostRoot) -> None:
    push(root, "d1")
    snapshots.commit(root, "set", "d1")
    staging, (earlier,) = snapshots.stage(root, "set", "d2")
    source = earlier / "train.jsonl"
    source.chmod(0o600)
    source.write_bytes(b"X" * len(FILES["train.jsonl"]))
    os.utime(source, ns=(1, 1))
    os.link(source, staging / "files" / "train.jsonl")
    describe(staging, "d2", {"train.jsonl": FILES["train.jsonl"]})
    assert refused(root, "d2").code == "data_mismatch"


@pytest.mark.parametrize("change", ["touch", "grow", "delete", "link"])
def test_a_snapshot_that_was_touched_is_found_by_its_stats(root: HostRoot, change: str) -> None:
    push(root, "d1")
    snapshots.commit(root, "set", "d1")
    path = root.data("set", "d1") / "train.jsonl"
    if change == "touch":
        os.utime(path, ns=(5, 5))
    elif change == "grow":
        path.chmod(0o600)
        path.write_bytes(b"x")
    else:
        path.unlink()
    if change == "link":
        path.symlink_to("/etc/hostname")
    with pytest.raises(LtError) as caught:
        snapshots.check_unchanged(root, "set", "d1")
    assert (caught.value.code, caught.value.params["path"]) == ("data_changed", "train.jsonl")


def test_a_snapshot_that_is_not_here_is_missing(root: HostRoot) -> None:
    with pytest.raises(LtError) as caught:
        snapshots.check_unchanged(root, "set", "d1")
    assert caught.value.code == "data_missing"


def test_a_commit_cut_between_its_renames_is_finished_by_the_next(root: HostRoot) -> None:
    staging = push(root, "d1")
    os.rename(staging / "files", root.data("set", "d1"))
    assert not snapshots.is_complete(root, "set", "d1")
    snapshots.stage(root, "set", "d1")
    snapshots.commit(root, "set", "d1")
    snapshots.check_unchanged(root, "set", "d1")


def test_two_controllers_may_stage_and_commit_the_same_digest_at_once(root: HostRoot, tmp_path: Path) -> None:
    push(root, "d1")
    with BridgeClient(root.path, tmp_path / "l") as one, BridgeClient(root.path, tmp_path / "l") as two:
        numbers = [(client, client.post("commit", name="set", digest="d1")) for client in (one, two)]
        assert [client.reply(number) for client, number in numbers] == [{}, {}]
    snapshots.check_unchanged(root, "set", "d1")


def test_earlier_snapshots_come_newest_first_and_at_most_three(root: HostRoot) -> None:
    for number in range(5):
        push(root, f"d{number}", {"a": b"%d" % number})
        snapshots.commit(root, "set", f"d{number}")
        os.utime(root.data_manifest("set", f"d{number}"), (number, number))
    _, earlier = snapshots.stage(root, "set", "d9")
    assert [path.name for path in earlier] == ["d4", "d3", "d2"]


def test_rsync_links_what_an_earlier_snapshot_has(root: HostRoot, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, data in (("same", b"s" * 1000), ("changed", b"1")):
        (source / name).write_bytes(data)

    def send(digest: str) -> None:
        staging, earlier = snapshots.stage(root, "set", digest)
        links = [f"--link-dest={path}" for path in earlier]
        argv = ["rsync", "-rt", "--perms", "--chmod=Fa-w", *links, f"{source}/", f"{staging}/files/"]
        subprocess.run(argv, check=True)
        describe(staging, digest, {path.name: path.read_bytes() for path in source.iterdir()})
        snapshots.commit(root, "set", digest)

    send("d1")
    (source / "changed").write_bytes(b"22")
    send("d2")
    one, two = root.data("set", "d1"), root.data("set", "d2")
    assert (one / "same").stat().st_ino == (two / "same").stat().st_ino
    assert ((one / "changed").read_bytes(), (two / "changed").read_bytes()) == (b"1", b"22")


def test_many_files_are_verified_by_more_than_one_thread(root: HostRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    push(root, "d1", {str(number): b"x" * 1000 for number in range(50)})
    both = threading.Barrier(2, timeout=20)
    real = snapshots.sha256
    first: set[int] = set()

    def hash_together(path: Path) -> str:
        if threading.get_ident() not in first:
            first.add(threading.get_ident())
            both.wait()
        return real(path)

    monkeypatch.setattr(snapshots, "sha256", hash_together)
    snapshots.commit(root, "set", "d1")
    assert len(first) == 2
    assert read_json(root.data_manifest("set", "d1"))["kind"] == "data"
