"""`config.toml` in LT_HOME: what a person has set for the screen, read and written with their comments kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError


@dataclass(frozen=True)
class Setting:
    """A value, and where it comes from: a file, an environment variable, or `default`."""

    key: str
    value: Any
    source: str


def read(path: Path) -> dict[str, Any]:
    """All of the file as plain values; nothing where there is none. Raises LtError `config_invalid`."""
    import tomlkit
    from tomlkit.exceptions import ParseError, TOMLKitError

    try:
        return tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except FileNotFoundError:
        return {}
    except ParseError as error:
        raise LtError("config_invalid", path=str(path), line=error.line, why=str(error)) from None
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise LtError("config_invalid", path=str(path), line=1, why=str(error)) from None


def write(path: Path, table: str, changes: Mapping[str, Any]) -> None:
    """Sets keys of `[table]`; None takes one away. The rest of the file stays as it is. Raises as `read`."""
    import tomlkit

    from lt_agent.protocol.files import write_bytes

    read(path)  # a file with faults is never rewritten
    document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    if table not in document:
        document[table] = tomlkit.table()
    section: Any = document[table]
    for key, value in changes.items():
        if value is None:
            section.pop(key, None)
        else:
            section[key] = value
    write_bytes(path, tomlkit.dumps(document).encode())
