"""The probe's dictionary as it should be: a host may send anything, and all who read facts rely on their shape.

What is of another kind is absent (None, or an empty list or table), what is too long is cut, what nobody knows is left
out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

LONGEST = 300  # characters of a text
LARGEST = 1 << 53  # up to here floats are whole numbers as well
MOST = 256  # GPUs, interpreters, packages of one

_MACHINE = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")  # becomes a part of file names: of wheels, of the folder they lie in

Shape = Callable[[Any], Any]


def _text(value: Any) -> str | None:
    return value.encode("utf-8", "replace").decode()[:LONGEST] if isinstance(value, str) else None


def _machine(value: Any) -> str | None:
    return value if isinstance(value, str) and _MACHINE.match(value) else None


def number(value: Any) -> float | int | None:
    """A finite number of ordinary size; None for anything else."""
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if right and abs(value) <= LARGEST else None  # of a NaN that is false, too


def whole(value: Any) -> int | None:
    """As `number`, as a whole one."""
    found = number(value)
    return None if found is None else int(found)


def _flag(value: Any) -> bool:
    return bool(value)


def _table(**shapes: Shape) -> Shape:
    def read(value: Any) -> dict[str, Any]:
        known = value if isinstance(value, Mapping) else {}
        return {key: shape(known[key]) for key, shape in shapes.items() if key in known}

    return read


def _list(shape: Shape, needed: str = "") -> Shape:
    def read(value: Any) -> list[Any]:
        items = [shape(item) for item in value[:MOST]] if isinstance(value, list) else []
        return [item for item in items if not needed or item.get(needed)]

    return read


def _packages(value: Any) -> dict[str, str]:
    found = list(value.items())[:MOST] if isinstance(value, Mapping) else []
    return {name: version for key, item in found if (name := _text(key)) and (version := _text(item)) is not None}


def _uv(value: Any) -> Any:
    return _table(path=_text, version=_text)(value) or None if isinstance(value, Mapping) else _text(value)


_GPU = _table(
    index=whole,
    uuid=_text,
    name=_text,
    memory_total=whole,
    memory_free=whole,
    driver=_text,
    util=whole,
    compute_cap=_text,
)
_PYTHON = _table(path=_text, version=_text, packages=_packages, cuda=_text, conda=_flag, venv=_flag)
_DISK = _table(path=_text, total=whole, free=whole, inodes_free=whole, filesystem=_text, writable=_flag)
_OTHER = _table(kind=_text, tool=_text, count=whole, memory=_list(lambda value: whole(value) or 0))
_FACTS = {
    **dict.fromkeys(("hostname", "user", "home", "root", "system", "libc", "kernel", "cuda", "driver"), _text),
    **dict.fromkeys(("nvidia_smi", "rsync", "tar", "packages", "container_kind", "boot_id", "old_python"), _text),
    **dict.fromkeys(("time", "clock_offset"), number),
    **dict.fromkeys(("container", "systemd_linger"), _flag),
    "machine": _machine,
    "uid": whole,
    "cpu": _table(model=_text, count=whole, load1=number),
    "memory": _table(total=whole, available=whole),
    "disks": _table(root=_DISK),
    "gpus": _list(_GPU),
    "accelerators": _list(_OTHER),
    "pythons": _list(_PYTHON, needed="path"),
    "python": lambda value: _table(path=_text, version=_text)(value) or None,
    "uv": _uv,
    "inotify": _table(max_watches=whole),
}


def cleaned(raw: Any) -> dict[str, Any]:
    """The facts that a host sent, with every value of its kind."""
    return dict(_table(**_FACTS)(raw))
