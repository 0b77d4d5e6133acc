"""What a host sends reaches the terminal harmless, and reads as it was meant."""

from __future__ import annotations

import random

import pytest

from lt_controller.display import Cleaner, safe

HOSTILE = [
    "\x1b[2Jgone",
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;ZXZpbA==\x07clip",
    "\x1b]0;title\x1b\\t",
    "\x1bP1$r0m\x1b\\d",
    "\x1b_apc\x1b\\",
    "\x1bXsos\x1b\\",
    "\x1b^pm\x1b\\",
    "\x9b31mc1",
    "\x9d0;t\x9c",
    "\x1bc reset",
    "\x1b(0line",
    "\x07\x08\x00\x7f",
    "\u202egnp.exe",
    "\u2066iso\u2069",
    "\x1b",
    "\x1b[",
    "\x1b]never ends",
    "\x1b[\x1b[31m31m",
    "\x1b\x1b[2J",
    "a\x1b]52;c;x\nb\x07",
]


def harmless(text: str) -> bool:
    return not any(
        (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) <= 0x9F or 0x202A <= ord(c) <= 0x202E for c in text
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_survives(text: str) -> None:
    assert harmless(safe(text, multiline=True))
    assert harmless(safe(text.encode("utf-8", "surrogatepass"), multiline=True))


def test_colours_vanish_and_text_stays() -> None:
    assert safe("\x1b[1;31mloss\x1b[0m 0.5") == "loss 0.5"


def test_invalid_utf8_and_raw_c1_bytes_are_written_out() -> None:
    assert safe(b"a\xff\x9b31m") == "a\\xff\\x9b31m"


def test_direction_overrides_are_written_out() -> None:
    assert safe("a\u202eb") == "a\\u202eb"


def test_chinese_and_emoji_stay() -> None:
    assert safe("训练 👩‍💻 ok") == "训练 👩‍💻 ok"


def test_an_unterminated_string_sequence_hides_nothing() -> None:
    assert "secret" in safe("\x1b]0;secret\nnext", multiline=True)
    assert "next" in safe("\x1b]0;secret\nnext", multiline=True)


def test_one_line_has_no_newline() -> None:
    assert safe("a\nb\tc") == "a b c"
    assert safe("a\nb", multiline=True) == "a\nb"


def test_a_progress_bar_leaves_its_last_state() -> None:
    assert safe("10%\r50%\r100%\ndone\r\n", multiline=True) == "100%\ndone\n"


def test_chunks_cut_anywhere_give_the_same_text() -> None:
    data = ("\n".join(HOSTILE) + "\n训练 10%\r20%\r\nend").encode("utf-8", "surrogatepass") + b"\xff\n"
    whole = Cleaner()
    expected = whole.feed(data) + whole.finish()
    dice = random.Random(7)
    for _ in range(50):
        cleaner, got, at = Cleaner(), "", 0
        while at < len(data):
            size = dice.randint(1, 9)
            got += cleaner.feed(data[at : at + size])
            at += size
        assert got + cleaner.finish() == expected


def test_live_text_comes_at_once_and_is_harmless_at_every_cut() -> None:
    data = ("".join(HOSTILE) + "10%\r20%\r\nend").encode("utf-8", "surrogatepass")
    for size in (1, 2, 3, 7, 1000):
        cleaner = Cleaner("live")
        got = "".join(cleaner.feed(data[i : i + size]) for i in range(0, len(data), size)) + cleaner.finish()
        assert harmless(got.replace("\r\x1b[K", ""))
        assert got.endswith("10%\r\x1b[K20%\nend")


def test_live_shows_a_line_before_its_end() -> None:
    cleaner = Cleaner("live")
    assert cleaner.feed(b"Downloading") == "Downloading"
    assert cleaner.feed(b"\r") == ""
    assert cleaner.feed(b"done\n") == "\r\x1b[Kdone\n"


def test_a_line_without_end_does_not_pile_up() -> None:
    cleaner = Cleaner()
    for _ in range(100):
        cleaner.feed(b"%\r" * 4096)
        cleaner.feed(b"x" * 4096)
    assert len(cleaner._held) <= 2 * Cleaner.LINE_LIMIT


@pytest.mark.timeout(30)
@pytest.mark.parametrize("letter", ["\x90", "\x9d", "\x1b]", "\x9b0", "\x1b "])
def test_beginnings_of_sequences_without_an_end_take_no_time(letter: str) -> None:
    text = letter * 200_000
    assert "\x90" not in safe(text) and "\x1b" not in safe(text)  # took half a minute once
