"""For hosts without rsync: a tar stream into a staging folder, what of a manifest is still missing, ranges of files.

The other side does with ssh's stdin and stdout what rsync would do; the rules for what may be written are the same:
regular files and folders, inside the given folder, nothing through a link.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import sys
import tarfile
from pathlib import Path
from typing import Any, BinaryIO, Dict, List, Mapping, Sequence

from . import snapshots
from .protocol.errors import LtError
from .protocol.records import Manifest

_BLOCK = 1 << 20


def untar(stream: BinaryIO, folder: Path) -> int:
    """Unpacks a tar stream into `folder`; returns the number of files. What is there already is replaced.

    Each file is written aside and renamed, with the time the tar has for it, so that a cut stream leaves whole files
    only. Raises LtError `bad_archive{path, problem}` for links, devices and paths that lead outside, and for what is
    no tar or ends too early; `disk_full{path}`.
    """
    count = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.isdir() and member.name in (".", "./", ""):
                    continue
                target = _target(folder, member)
                if member.isdir():
                    _make_folder(folder, target)
                    continue
                _make_folder(folder, target.parent)
                source = archive.extractfile(member)
                if source is None:
                    raise LtError("bad_archive", path=member.name, problem="no content")
                _write(source, target, member)
                count += 1
    except (tarfile.TarError, EOFError) as error:
        raise LtError("bad_archive", path="", problem=str(error)) from None
    except OSError as error:
        if error.errno in (28, 122):  # ENOSPC, EDQUOT
            raise LtError("disk_full", path=str(folder)) from None
        raise
    return count


def missing(manifest: Manifest, folder: Path, link_dest: Sequence[Path] = ()) -> List[str]:
    """The paths of `manifest` that have yet to be sent to `folder`: absent, of another size, or of another content.

    A file that an earlier snapshot (`link_dest`) has under any name with the same hash is linked from there.
    """
    verified = snapshots.earlier_inodes(link_dest)
    by_hash = _by_hash(link_dest)
    wanted = []
    for entry in manifest.files:
        info = snapshots.lstat_inside(folder, entry.path)
        target = folder / entry.path
        if info is not None and info.st_size == entry.size:
            linked = verified.get((info.st_dev, info.st_ino)) == entry.sha256
            if linked or snapshots.sha256(target) == entry.sha256:
                continue
        source = by_hash.get(entry.sha256)
        if source is None or not _link(source, folder, target):
            wanted.append(entry.path)
    return wanted


def copy_ranges(requests: Sequence[Mapping[str, Any]], out: BinaryIO) -> None:
    """Writes the bytes of `{path, offset, length}` after one another to `out`: exactly `length` each.

    Raises LtError `range_missing{path, offset}` if a file is no regular one or ends before its range does; the other
    side sees a stream that is too short.
    """
    for request in requests:
        path, offset, length = str(request["path"]), int(request.get("offset", 0)), int(request["length"])
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise LtError("range_missing", path=path, offset=offset, problem=str(error.strerror)) from None
        with open(fd, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise LtError("range_missing", path=path, offset=offset)
            file.seek(offset)
            while length > 0:
                data = file.read(min(_BLOCK, length))
                if not data:
                    raise LtError("range_missing", path=path, offset=offset)
                out.write(data)
                offset, length = offset + len(data), length - len(data)
    out.flush()


def untar_main(options: Mapping[str, str]) -> int:
    """The command `untar --into FOLDER`: a tar on stdin; prints `{"files": n}` or `{"error": …}`."""

    def work() -> Dict[str, Any]:
        folder = Path(options["into"])
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return {"files": untar(sys.stdin.buffer, folder)}

    return _answer(work)


def missing_main(options: Mapping[str, str]) -> int:
    """The command `missing --into FOLDER [--link-dest A:B:…]`: a manifest on stdin; prints `{"missing": [paths]}`."""

    def work() -> Dict[str, Any]:
        manifest = snapshots.read_manifest(json.load(sys.stdin.buffer))
        earlier = [Path(path) for path in options.get("link-dest", "").split(os.pathsep) if path]
        folder = Path(options["into"])
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return {"missing": missing(manifest, folder, earlier)}

    return _answer(work)


def cat_main(options: Mapping[str, str]) -> int:
    """The command `cat`: a JSON list of ranges on stdin; their raw bytes on stdout, an error as JSON on stderr."""
    try:
        copy_ranges(json.load(sys.stdin.buffer), sys.stdout.buffer)
    except BrokenPipeError:
        return 1
    except (LtError, OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(json.dumps(_as_error(error)) + "\n")
        return 1
    return 0


def _answer(work: Any) -> int:
    try:
        result = work()
    except (LtError, OSError, ValueError, KeyError) as error:
        result = _as_error(error)
    sys.stdout.write(json.dumps(result) + "\n")
    return 1 if "error" in result else 0


def _as_error(error: Exception) -> Dict[str, Any]:
    if isinstance(error, LtError):
        return {"error": error.as_dict()}
    return {"error": LtError("agent_failed", kind=type(error).__name__, problem=str(error)).as_dict()}


def _target(folder: Path, member: tarfile.TarInfo) -> Path:
    name = member.name[2:] if member.name.startswith("./") else member.name
    if not (member.isreg() or member.isdir()):
        raise LtError("bad_archive", path=member.name, problem="neither a file nor a folder")
    try:
        return folder / snapshots.safe_path(name)
    except LtError:
        raise LtError("bad_archive", path=member.name, problem="leads outside") from None


def _make_folder(root: Path, folder: Path) -> None:
    """Makes `folder` under `root`, one step after the other: a link on the way would lead elsewhere."""
    at = root
    for part in folder.relative_to(root).parts:
        at = at / part
        with contextlib.suppress(FileExistsError):
            os.mkdir(at, 0o700)
        if not stat.S_ISDIR(os.lstat(at).st_mode):
            raise LtError("bad_archive", path=str(at.relative_to(root)), problem="not a folder")


def _write(source: Any, target: Path, member: tarfile.TarInfo) -> None:
    aside = target.with_name(f".{target.name[:100]}.{os.getpid()}.part")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(fd, "wb", buffering=0) as file:
            shutil.copyfileobj(source, file, _BLOCK)
            if file.tell() != member.size:
                raise LtError("bad_archive", path=member.name, problem="cut short")
        os.chmod(aside, 0o700 if member.mode & 0o100 else 0o600)
        os.utime(aside, (member.mtime, member.mtime))
        os.replace(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _by_hash(folders: Sequence[Path]) -> Dict[str, Path]:
    found: Dict[str, Path] = {}
    for folder in folders:
        with contextlib.suppress(OSError, ValueError, LtError, TypeError):
            value = json.loads(folder.with_name(folder.name + ".json").read_bytes())
            for entry in snapshots.read_manifest(value).files:
                found.setdefault(entry.sha256, folder / entry.path)
    return found


def _link(source: Path, root: Path, target: Path) -> bool:
    try:
        _make_folder(root, target.parent)
        target.unlink(missing_ok=True)
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    return True
