"""Frames survive any cutting; what is no frame is refused, and never by anything but ProtocolError."""

from __future__ import annotations

import random
import zlib

import pytest
from benchmarks.faults.fuzz import read_all
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_agent.protocol import frames
from support.steady import STEADY

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
HEADERS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4).map(lambda header: {**header, "type": "x"})
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=600)), max_size=5)


@given(FRAMES, st.lists(st.integers(1, 200), max_size=20), st.binary(max_size=300))
@settings(STEADY, max_examples=40)
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    sent: list[tuple[dict[str, object], bytes]], cuts: list[int], noise: bytes
) -> None:
    wire = noise.replace(b"\n", b".") + frames.MAGIC + b"".join(frames.encode(head, body) for head, body in sent)
    reader, got, at = frames.FrameReader(), [], 0
    for cut in [*cuts, len(wire)]:
        got += list(reader.feed(wire[at : at + cut]))
        at += cut
    assert [(frame.header, frame.payload) for frame in got] == sent


@given(FRAMES, st.integers(0, 10_000), st.integers(0, 255))
@settings(STEADY, max_examples=40)
def test_one_byte_that_is_wrong_never_breaks_the_reader(
    sent: list[tuple[dict[str, object], bytes]], at: int, value: int
) -> None:
    wire = bytearray(frames.MAGIC + b"".join(frames.encode(head, body) for head, body in sent))
    wire[at % len(wire)] = value
    read_all(bytes(wire))


@given(st.binary(max_size=4000))
@settings(STEADY)
def test_garbage_after_the_magic_is_refused_or_waited_for(garbage: bytes) -> None:
    read_all(frames.MAGIC + garbage)


def test_a_large_header_travels_packed_and_comes_back() -> None:
    head = {"type": "x", "names": ["checkpoint-1000"] * 200_000}
    (frame,) = frames.FrameReader(expect_magic=False).feed(frames.encode(head))
    assert frame.header == head


def test_a_large_payload_travels_compressed_where_that_helps_and_comes_back() -> None:
    text, noise = b"loss 0.123\n" * 20_000, random.Random(7).randbytes(100_000)
    for payload, smaller in ((text, True), (noise, False), (text[:1000], False)):
        wire = frames.encode({"type": "x"}, payload, deflate=True)
        assert (len(wire) < len(payload)) is smaller
        (frame,) = frames.FrameReader(expect_magic=False).feed(wire)
        assert (frame.header, frame.payload) == ({"type": "x"}, payload)


@pytest.mark.parametrize(
    ("said", "data"),
    [
        (100, b"x" * 5000),  # more than it says
        (5001, b"x" * 5000),
        (frames.MAX_PAYLOAD + 1, b"x" * 5000),
        ("many", b"x" * 5000),
    ],
)
def test_a_payload_that_is_not_of_the_size_it_says_is_refused(said: object, data: bytes) -> None:
    wire = frames.encode({"type": "x", "deflated": said}, zlib.compress(data))
    assert read_all(frames.MAGIC + wire) == "refused"
