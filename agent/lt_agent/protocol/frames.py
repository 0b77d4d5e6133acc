"""Frames on the bridge's channel: a JSON header with an optional binary payload.

Wire form: two big-endian unsigned 32-bit lengths (header, payload), the header as UTF-8 JSON, the payload as it is.
A large header without payload travels compressed (type `packed`), and so do large payloads, where that was asked for
(`deflated` in the header: the size they had); the reader gives both back as they were.
A login shell may print before the bridge does: each stream begins with `MAGIC`, and what precedes it is noise.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any, Iterator, NamedTuple

MAGIC = b"\nLT-BRIDGE-1\n"
MAX_HEADER = 4 << 20
MAX_PAYLOAD = 4 << 20
MAX_NOISE = 256 << 10
MAX_UNPACKED = 64 << 20
MAX_VALUES = 2_000_000
_PACK_FROM = 1 << 20
_PACKED = "packed"
_DEFLATED = "deflated"
_DEFLATE_FROM = 16 << 10  # bytes of a payload; less is a packet or two in any case
_PROBE = 4 << 10  # bytes at its beginning that show whether it is worth it
_LENGTHS = struct.Struct(">II")


class Frame(NamedTuple):
    """One message: `header["type"]` says which."""

    header: dict[str, Any]
    payload: bytes = b""


class ProtocolError(Exception):
    """The other side does not speak this protocol: noise without end, a huge or a malformed frame."""


def encode(header: dict[str, Any], payload: bytes = b"", *, deflate: bool = False) -> bytes:
    """The frame's bytes, with `deflate` a large payload compressed if that makes it a good deal smaller.

    Raises ProtocolError if it is too large to be accepted at the other end.
    """
    if deflate and len(payload) >= _DEFLATE_FROM and len(zlib.compress(payload[:_PROBE], 1)) < _PROBE * 3 // 4:
        header, payload = {**header, _DEFLATED: len(payload)}, zlib.compress(payload, 1)
    head = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")
    if len(head) > _PACK_FROM and len(head) <= MAX_UNPACKED and not payload:
        # A reply about thousands of jobs, a manifest of thousands of files: compressed, and unpacked by the reader.
        head, payload = json.dumps({"type": _PACKED}).encode(), zlib.compress(head, 1)
    if len(head) > MAX_HEADER or len(payload) > MAX_PAYLOAD:
        raise ProtocolError(f"frame too large: header {len(head)}, payload {len(payload)} bytes")
    return _LENGTHS.pack(len(head), len(payload)) + head + payload


class FrameReader:
    """Turns a byte stream, fed in any pieces, into frames. After a ProtocolError it must not be used again."""

    def __init__(self, expect_magic: bool = True) -> None:
        self._buffer = bytearray()
        self._synced = not expect_magic
        self._noise = 0

    @property
    def noise(self) -> int:
        """How many bytes came before the magic."""
        return self._noise

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yields the frames that `data` completes."""
        self._buffer += data
        if not self._synced and not self._sync():
            return
        start, buffer = 0, self._buffer
        try:
            while len(buffer) - start >= _LENGTHS.size:
                head_size, payload_size = _LENGTHS.unpack_from(buffer, start)
                if head_size > MAX_HEADER or payload_size > MAX_PAYLOAD:
                    raise ProtocolError(f"frame too large: header {head_size}, payload {payload_size} bytes")
                body = start + _LENGTHS.size
                end = body + head_size + payload_size
                if len(buffer) < end:
                    return
                with memoryview(buffer) as view:  # a slice of a bytearray would be a second copy of the payload
                    header, payload = bytes(view[body : body + head_size]), bytes(view[body + head_size : end])
                frame = Frame(_header(header), payload)
                start = end
                yield _unpack(frame) if frame.header["type"] == _PACKED else _inflate(frame)
        finally:
            del buffer[:start]

    def _sync(self) -> bool:
        at = self._buffer.find(MAGIC)
        if at < 0:
            if len(self._buffer) > MAX_NOISE:
                raise ProtocolError(f"no bridge in the first {len(self._buffer)} bytes")
            return False
        self._noise = at
        del self._buffer[: at + len(MAGIC)]
        self._synced = True
        return True


def _unpack(frame: Frame) -> Frame:
    return Frame(_header(_inflated(frame.payload, MAX_UNPACKED)))


def _inflate(frame: Frame) -> Frame:
    size = frame.header.pop(_DEFLATED, None)
    if size is None:
        return frame
    if not isinstance(size, int) or not 0 < size <= MAX_PAYLOAD:
        raise ProtocolError(f"a payload of {size!r} bytes")
    payload = _inflated(frame.payload, size)
    if len(payload) != size:
        raise ProtocolError(f"a payload of {len(payload)} bytes instead of {size}")
    return Frame(frame.header, payload)


def _inflated(data: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(data, most + 1)
    except zlib.error as error:
        raise ProtocolError(f"malformed compressed data: {error}") from None
    if not inflater.eof:
        raise ProtocolError(f"compressed data is cut or larger than {most} bytes")
    return found


def _header(raw: bytes) -> dict[str, Any]:
    # A value takes up to a hundred bytes once it is read: a few megabytes of `[],[],[]` must not take gigabytes.
    if len(raw) > MAX_VALUES and sum(map(raw.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise ProtocolError(f"more than {MAX_VALUES} values in a header")
    try:
        value = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"malformed header: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise ProtocolError("a header is an object with a type")
    return value
