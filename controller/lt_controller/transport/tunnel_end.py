"""The program that rsync gets by `-e`: `tunnel_end.py SOCKET HOST COMMAND …`. See `tunnel`; standard library alone."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading

PIECE = 1 << 18
GONE = 255  # what ssh says when the connection ends


def main(argv: list[str]) -> int:
    """Carries standard input and output to and from the command that the socket's owner runs; its exit code."""
    path, words = argv[1], argv[2:]
    # rsync gives `[-l USER] HOST COMMAND …`; which host it is, the socket knows.
    while words and words[0] == "-l":
        words = words[2:]
    for fd in (0, 1, 2):
        os.set_blocking(fd, True)  # rsync leaves standard output non-blocking for its shell
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.connect(path)
        link.sendall(json.dumps(words[1:]).encode() + b"\n")
    except OSError:
        return GONE
    threading.Thread(target=upward, args=(link,), daemon=True).start()
    return downward(link)


def upward(link: socket.socket) -> None:
    """Standard input to the command."""
    try:
        while data := os.read(0, PIECE):
            link.sendall(data)
        link.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the command is gone: the other direction ends as well


def downward(link: socket.socket) -> int:
    """Frames of the command's output, errors and exit code."""
    with link.makefile("rb", PIECE) as frames:
        try:
            while head := frames.read(5):
                if len(head) < 5:
                    break
                kind, size = head[:1], struct.unpack(">I", head[1:])[0]
                data = frames.read(size)
                if len(data) < size:
                    break
                if kind == b"x":
                    return int(data)
                write(2 if kind == b"e" else 1, data)
        except OSError:
            return GONE
    return GONE


def write(fd: int, data: bytes) -> None:
    """All of `data`, however little a pipe takes at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(sys.argv))  # a thread may still wait for standard input
