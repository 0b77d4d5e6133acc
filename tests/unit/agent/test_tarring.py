"""What stands in for rsync where there is none: the same files arrive, and nothing else is touched."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lt_agent import snapshots
from lt_agent.protocol.files import write_json
from lt_agent.protocol.paths import HostRoot
from support.bridge_client import agent_argv


def command(word: str, data: bytes, *options: str) -> tuple[int, bytes, bytes]:
    done = subprocess.run(agent_argv(word, *options), input=data, capture_output=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def untar(data: bytes, folder: Path) -> dict[str, Any]:
    code, out, err = command("untar", data, "--into", str(folder))
    assert b"Traceback" not in err
    answer = json.loads(out)
    assert isinstance(answer, dict)
    assert code == (1 if "error" in answer else 0)
    return answer


def make_tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def member(name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "") -> Any:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime, info.mode = kind, link, 1_700_000_000, 0o755
    return info, data


def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    entries = [{"path": p, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for p, d in files.items()]
    return {"name": "d", "kind": "data", "base": "", "files": entries}


def missing(files: dict[str, bytes], folder: Path, *link_dest: Path) -> list[str]:
    options = ["--into", str(folder)]
    if link_dest:
        options += ["--link-dest", ":".join(map(str, link_dest))]
    code, out, _ = command("missing", json.dumps(manifest(files)).encode(), *options)
    assert code == 0
    found = json.loads(out)["missing"]
    assert isinstance(found, list)
    return found


def test_a_tar_of_the_systems_own_making_arrives_whole(tmp_path: Path) -> None:
    source, target = tmp_path / "from", tmp_path / "in to"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "köln's.txt").write_bytes(os.urandom(100_000))
    (source / ("long" * 50)).write_bytes(b"x")
    data = subprocess.run(["tar", "-C", str(source), "-cf", "-", "."], capture_output=True, check=True).stdout
    assert untar(data, target) == {"files": 2}
    for path in source.rglob("*"):
        if path.is_file():
            there = target / path.relative_to(source)
            assert there.read_bytes() == path.read_bytes()
            assert int(there.stat().st_mtime) == int(path.stat().st_mtime)


@pytest.mark.parametrize(
    "bad",
    [
        member("../out", b"x"),
        member("/tmp/out", b"x"),
        member("a/../../out", b"x"),
        member("link", kind=tarfile.SYMTYPE, link="/etc/passwd"),
        member("hard", kind=tarfile.LNKTYPE, link="a"),
        member("dev", kind=tarfile.CHRTYPE),
        member("fifo", kind=tarfile.FIFOTYPE),
    ],
    ids=lambda pair: pair[0].name,
)
def test_what_leads_outside_or_is_no_file_is_refused(tmp_path: Path, bad: Any) -> None:
    answer = untar(make_tar(member("a", b"fine"), bad), tmp_path / "in")
    assert answer["error"]["code"] == "bad_archive"
    assert sorted(os.listdir(tmp_path / "in")) == ["a"]


def test_nothing_is_written_through_a_link_that_lies_there(tmp_path: Path) -> None:
    outside, into = tmp_path / "outside", tmp_path / "in"
    outside.mkdir()
    into.mkdir()
    (into / "sub").symlink_to(outside)
    assert untar(make_tar(member("sub/a", b"x")), into)["error"]["code"] == "bad_archive"
    assert os.listdir(outside) == []


def test_a_cut_stream_leaves_whole_files_only(tmp_path: Path) -> None:
    data = make_tar(member("a", b"a" * 5000), member("b", b"b" * 50_000))
    assert untar(data[:20_000], tmp_path / "in")["error"]["code"] == "bad_archive"
    assert os.listdir(tmp_path / "in") == ["a"]
    assert untar(b"no tar at all" * 100, tmp_path / "in")["error"]["code"] == "bad_archive"


def test_a_push_that_was_cut_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    files = {"a": b"a" * 10, "sub/b": b"b" * 10, "c": b"c" * 10}
    into = tmp_path / "in"
    assert missing(files, into) == ["a", "sub/b", "c"]
    untar(make_tar(member("a", files["a"]), member("sub/b", b"wrong size"), member("c", b"C" * 10)), into)
    (into / "sub" / "b").write_bytes(b"b")
    assert missing(files, into) == ["sub/b", "c"]
    untar(make_tar(member("sub/b", files["sub/b"]), member("c", files["c"])), into)
    assert missing(files, into) == []


def test_what_an_earlier_snapshot_has_is_linked_instead_of_sent(tmp_path: Path) -> None:
    root = HostRoot(tmp_path / "root")
    files = {"same": b"s" * 100, "old name": b"moved"}
    staging, _ = snapshots.stage(root, "set", "d1")
    untar(make_tar(*(member(path, data) for path, data in files.items())), staging / "files")
    write_json(staging / "manifest.json", manifest(files))
    snapshots.commit(root, "set", "d1")
    staging, earlier = snapshots.stage(root, "set", "d2")
    wanted = {"same": b"s" * 100, "deep/new name": b"moved", "new": b"new"}
    assert missing(wanted, staging / "files", *earlier) == ["new"]
    assert (staging / "files" / "same").stat().st_ino == (earlier[0] / "same").stat().st_ino
    untar(make_tar(member("new", b"new")), staging / "files")
    write_json(staging / "manifest.json", manifest(wanted))
    snapshots.commit(root, "set", "d2")
    assert (root.data("set", "d2") / "deep" / "new name").read_bytes() == b"moved"


def test_cat_writes_exactly_the_ranges_asked_for(tmp_path: Path) -> None:
    first, second = tmp_path / "it's", tmp_path / "b"
    first.write_bytes(os.urandom(3_000_000))
    second.write_bytes(b"0123456789")
    ranges = [
        {"path": str(first), "offset": 1_000_000, "length": 2_000_000},
        {"path": str(second), "offset": 2, "length": 3},
        {"path": str(second), "length": 0},
    ]
    code, out, _ = command("cat", json.dumps(ranges).encode())
    assert code == 0
    assert out == first.read_bytes()[1_000_000:] + b"234"


@pytest.mark.parametrize("problem", ["short", "absent", "link", "garbage"])
def test_cat_fails_by_its_exit_code_and_says_why(tmp_path: Path, problem: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"123")
    wanted = json.dumps([{"path": str(path), "offset": 0, "length": 10}]).encode()
    if problem == "absent":
        path.unlink()
    elif problem == "link":
        path.unlink()
        path.symlink_to("/etc/passwd")
    elif problem == "garbage":
        wanted = b"{"
    code, out, err = command("cat", wanted)
    assert code == 1
    assert out == (b"123" if problem == "short" else b"")
    assert json.loads(err)["error"]["code"] == ("agent_failed" if problem == "garbage" else "range_missing")
