"""What every Bulk promises, held against rsync over SSH, tar over SSH, and the plain copy of host `local`."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_agent.protocol.records import FileEntry, Manifest, to_dict
from lt_controller.transport import Progress

from .conftest import Way

ODD_NAMES = [
    "plain.txt",
    "-leading-dash",
    "--delete",
    "#comment",
    ";semicolon",
    "two words",
    'it\'s "quoted"',
    "new\nline",
    "tab\there",
    "ünï/中文.txt",
    "$HOME/`id`",
    "back\\slash",
    "*",
    ".hidden",
    "colon:name",
    "deep/er/and/deeper/file",
]


def fill(folder: Path, names: list[str], size: int = 100) -> list[FileEntry]:
    entries = []
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = hashlib.sha256(f"{number}{name}".encode()).digest() * (size // 32 + 1)
        path.write_bytes(data[:size])
        entries.append(entry_of(folder, name))
    return entries


def entry_of(folder: Path, name: str) -> FileEntry:
    data = (folder / name).read_bytes()
    return FileEntry(name, len(data), hashlib.sha256(data).hexdigest())


def same(left: Path, right: Path, names: list[str]) -> None:
    for name in names:
        assert (left / name).read_bytes() == (right / name).read_bytes(), name


def fresh(way: Way, tmp_path: Path) -> Path:
    """A folder on the host that only this test uses."""
    folder = way.root / f"test {tmp_path.name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_push_brings_every_name_and_byte(way: Way, tmp_path: Path) -> None:
    fill(tmp_path / "src", ODD_NAMES)
    there = fresh(way, tmp_path) / "files"
    done = way.bulk.push(tmp_path / "src", ODD_NAMES, str(there))
    same(tmp_path / "src", there, ODD_NAMES)
    assert done.files == len(ODD_NAMES)
    assert sorted(p.relative_to(there).as_posix() for p in there.rglob("*") if p.is_file()) == sorted(ODD_NAMES)


def test_pull_brings_every_name_and_byte(way: Way, tmp_path: Path) -> None:
    there = fresh(way, tmp_path)
    entries = fill(there, ODD_NAMES)
    done = way.bulk.pull(str(there), entries, tmp_path / "home")
    same(there, tmp_path / "home", ODD_NAMES)
    assert done.done == done.total == sum(entry.size for entry in entries)
    leftovers = [p.name for p in (tmp_path / "home").rglob("*") if "partial" in p.name]
    assert leftovers == []


def test_only_the_named_files_travel(way: Way, tmp_path: Path) -> None:
    fill(tmp_path / "src", ["wanted/a", "wanted/b", "other"])
    there = fresh(way, tmp_path)
    way.bulk.push(tmp_path / "src", ["wanted/a"], str(there))
    assert [p.relative_to(there).as_posix() for p in there.rglob("*") if p.is_file()] == ["wanted/a"]


def test_an_executable_file_stays_one(way: Way, tmp_path: Path) -> None:
    fill(tmp_path / "src", ["run.sh", "data"])
    (tmp_path / "src/run.sh").chmod(0o755)
    there = fresh(way, tmp_path)
    way.bulk.push(tmp_path / "src", ["run.sh", "data"], str(there))
    assert os.access(there / "run.sh", os.X_OK)
    assert not (there / "data").stat().st_mode & 0o111


def test_a_file_that_became_executable_is_not_linked_to_the_one_that_is_not(way: Way, tmp_path: Path) -> None:
    if way.kind == "tar":
        pytest.skip("it links by content alone")
    fill(tmp_path / "src", ["run.sh"])
    place = fresh(way, tmp_path)
    way.bulk.push(tmp_path / "src", ["run.sh"], str(place / "one"))
    (tmp_path / "src/run.sh").chmod(0o755)
    way.bulk.push(tmp_path / "src", ["run.sh"], str(place / "two"), link_dest=[str(place / "one")])
    assert os.access(place / "two/run.sh", os.X_OK)
    assert not (place / "one/run.sh").stat().st_mode & 0o111


def test_pushing_again_sends_no_file(way: Way, tmp_path: Path) -> None:
    names = ["a", "b/c", "d"]
    fill(tmp_path / "src", names)
    there = fresh(way, tmp_path)
    assert way.bulk.push(tmp_path / "src", names, str(there)).files == 3
    assert way.bulk.push(tmp_path / "src", names, str(there)).files == 0


def test_a_file_of_an_earlier_snapshot_is_linked_not_sent(way: Way, tmp_path: Path) -> None:
    names = ["same", "changed"]
    entries = fill(tmp_path / "src", names)
    place = fresh(way, tmp_path)
    way.bulk.push(tmp_path / "src", names, str(place / "one"))
    # What the host's commit leaves beside a snapshot; a transfer that links by content reads it.
    times = [(place / "one" / entry.path).stat().st_mtime_ns for entry in entries]
    manifest = to_dict(Manifest(name="x", kind="data", base=".", files=tuple(entries)))
    (place / "one.json").write_text(json.dumps({**manifest, "mtimes_ns": times}))
    for name in names:
        (place / "one" / name).chmod(0o400)
    (tmp_path / "src/changed").write_bytes(b"something else")

    done = way.bulk.push(tmp_path / "src", names, str(place / "two"), link_dest=[str(place / "one")])

    assert done.files == 1
    assert (place / "two/same").stat().st_ino == (place / "one/same").stat().st_ino
    assert (place / "two/changed").read_bytes() == b"something else"


def test_an_edit_of_the_same_size_in_the_same_second_is_sent(way: Way, tmp_path: Path) -> None:
    fill(tmp_path / "src", ["code.py"])
    place = fresh(way, tmp_path)
    os.utime(tmp_path / "src/code.py", ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))
    way.bulk.push(tmp_path / "src", ["code.py"], str(place / "one"))
    (tmp_path / "src/code.py").write_bytes(b"x" * 100)
    os.utime(tmp_path / "src/code.py", ns=(1_700_000_000_400_000_000, 1_700_000_000_400_000_000))
    way.bulk.push(tmp_path / "src", ["code.py"], str(place / "two"), link_dest=[str(place / "one")])
    assert (place / "two/code.py").read_bytes() == b"x" * 100


def test_a_file_already_home_is_not_pulled_again(way: Way, tmp_path: Path) -> None:
    there = fresh(way, tmp_path)
    entries = fill(there, ["a", "b"])
    way.bulk.pull(str(there), entries, tmp_path / "home")
    assert way.bulk.pull(str(there), entries, tmp_path / "home").files == 0


def test_a_link_on_the_host_is_refused(way: Way, tmp_path: Path) -> None:
    there = fresh(way, tmp_path)
    fill(there, ["real"])
    (there / "link").symlink_to("/etc/passwd")
    size = Path("/etc/passwd").stat().st_size
    with pytest.raises(LtError) as caught:
        way.bulk.pull(str(there), [FileEntry("link", size, "")], tmp_path / "home")
    assert caught.value.code == "transfer_refused"
    assert not (tmp_path / "home/link").exists()


def test_a_file_larger_than_announced_is_refused(way: Way, tmp_path: Path) -> None:
    there = fresh(way, tmp_path)
    fill(there, ["big"], size=10_000)
    if way.kind == "tar":
        pytest.skip("only as many bytes as announced are asked for; the hash tells")
    with pytest.raises(LtError) as caught:
        way.bulk.pull(str(there), [FileEntry("big", 100, "")], tmp_path / "home")
    assert caught.value.code == "transfer_refused"


@pytest.mark.parametrize("name", ["../up", "/abs", "a/../../b", "", ".", "a//b", "a/./b", "nul\0"])
def test_a_path_that_leads_outside_is_refused(way: Way, tmp_path: Path, name: str) -> None:
    with pytest.raises(LtError) as caught:
        way.bulk.pull(str(way.root), [FileEntry(name, 1, "")], tmp_path / "home")
    assert caught.value.code == "transfer_refused"
    with pytest.raises(LtError):
        way.bulk.push(tmp_path, [name], str(way.root / "x"))


def test_a_file_that_is_gone_fails_the_transfer(way: Way, tmp_path: Path) -> None:
    there = fresh(way, tmp_path)
    with pytest.raises(LtError) as caught:
        way.bulk.pull(str(there), [FileEntry("nothing", 5, "")], tmp_path / "home")
    assert caught.value.code in ("transfer_failed", "transfer_refused")
    with pytest.raises(LtError) as caught:
        way.bulk.push(tmp_path, ["nothing"], str(there))
    assert caught.value.code == "transfer_failed"
    assert caught.value.params["why"] == "files_missing"


def test_progress_grows_to_the_total(way: Way, tmp_path: Path) -> None:
    there = fresh(way, tmp_path)
    entries = fill(there, [f"file-{n}" for n in range(20)], size=200_000)
    seen: list[Progress] = []
    way.bulk.pull(str(there), entries, tmp_path / "home", progress=seen.append)
    assert seen and [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].total == 4_000_000
    assert seen[-1].done == 4_000_000


def test_cancel_ends_a_transfer_and_the_next_one_finishes_it(way: Way, tmp_path: Path) -> None:
    there = fresh(way, tmp_path)
    entries = fill(there, [f"file-{n}" for n in range(8)], size=8 << 20)
    cancel = threading.Event()
    with pytest.raises(LtError) as caught:
        way.bulk.pull(str(there), entries, tmp_path / "home", progress=lambda _: cancel.set(), cancel=cancel)
    assert caught.value.code == "transfer_cancelled"
    way.bulk.pull(str(there), entries, tmp_path / "home")
    same(there, tmp_path / "home", [entry.path for entry in entries])


def test_nothing_to_do_is_done_at_once(way: Way, tmp_path: Path) -> None:
    assert way.bulk.push(tmp_path, [], str(way.root / "none")) == Progress(0, 0, 0)
    assert way.bulk.pull(str(way.root), [], tmp_path / "home") == Progress(0, 0, 0)
