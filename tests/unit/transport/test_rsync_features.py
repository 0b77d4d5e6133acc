"""What is asked of an rsync by its version, and what its progress lines say."""

from __future__ import annotations

import pytest

from lt_controller.transport.base import Progress
from lt_controller.transport.rsync_features import parse_progress, parse_version

MODERN = "rsync  version 3.2.7  protocol version 31"
OLD_MAC = "rsync  version 2.6.9  protocol version 29"
NEW_MAC = "openrsync: protocol version 29\nrsync version 2.6.9 compatible"


def test_a_modern_rsync_gets_progress_and_protected_arguments() -> None:
    found = parse_version(MODERN)
    assert found.version == (3, 2, 7)
    assert "-s" in found.options
    assert "--info=progress2" in found.options
    assert "--modify-window=-1" in found.options
    assert found.remote_path("/a b") == "/a b"


@pytest.mark.parametrize("text", [OLD_MAC, NEW_MAC, "something else entirely"])
def test_an_old_rsync_gets_plain_options_and_a_quoted_path(text: str) -> None:
    found = parse_version(text)
    assert found.options == []
    assert found.remote_path("/a b") == "'/a b'"


def test_the_older_end_decides() -> None:
    assert parse_version(MODERN).with_remote("3.0.9").options == ["-s"]
    assert parse_version(OLD_MAC).with_remote("3.2.7").options == []
    assert parse_version(MODERN).with_remote("3.5.0").version == (3, 2, 7)


@pytest.mark.parametrize(
    ("line", "done", "files"),
    [
        (b"      1,234,567  12%    1.18MB/s    0:00:01 (xfr#3, to-chk=7/10)", 1_234_567, 3),
        (b"         32,768   0%    0.00kB/s    0:00:00  ", 32_768, 0),
        (b"    999.999.999  99%  200.00MB/s    0:00:04 (xfr#12, ir-chk=0/12)", 999_999_999, 12),
    ],
)
def test_progress_lines_are_read(line: bytes, done: int, files: int) -> None:
    assert parse_progress(line, 10**9) == Progress(done, 10**9, files)


@pytest.mark.parametrize("line", [b"", b"some/file", b"sent 10 bytes  received 5 bytes", b"12% of nothing"])
def test_other_lines_are_not(line: bytes) -> None:
    assert parse_progress(line, 100) is None
