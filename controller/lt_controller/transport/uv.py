"""uv for a host that has none: its binary out of the laptop's wheel, or of the one for the host's platform."""

from __future__ import annotations

import importlib.metadata
import shutil
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home

from .base import Bulk, ProgressCallback, Transport
from .remote import script
from .wheels import platform_tags, wheel_for


def push_uv(
    transport: Transport,
    bulk: Bulk,
    facts: Mapping[str, Any],
    home: Home,
    progress: ProgressCallback | None = None,
    cancel: threading.Event | None = None,
) -> str:
    """Brings uv to `<root>/tools/uv` and returns that path. A host that has it there already gets nothing sent.

    Raises LtError `wheel_missing` where uv for the host's platform is neither installed here nor to be fetched,
    `tool_not_pushed{host, tool, detail}`, and what the transfer raises.
    """
    tools = f"{facts['root']}/tools"
    made = transport.run(script('umask 077; mkdir -p -- "$1" && "$1/uv" --version >/dev/null 2>&1', tools))
    if made.exit == 0:
        return f"{tools}/uv"
    binary = uv_binary(facts, home)
    bulk.push(binary.parent, [binary.name], tools, progress=progress, cancel=cancel)
    checked = transport.run(script('chmod 700 -- "$1/uv" && "$1/uv" --version', tools))
    if checked.exit != 0:
        detail = checked.stderr[-300:].decode("utf-8", "replace")
        raise LtError("tool_not_pushed", host=transport.name, tool="uv", detail=detail)
    return f"{tools}/uv"


def uv_binary(facts: Mapping[str, Any], home: Home) -> Path:
    """A uv on the laptop that runs on the host. Raises LtError `wheel_missing`."""
    try:
        installed = importlib.metadata.distribution("uv")
        tags = {
            line[5:].split("-")[-1] for line in (installed.read_text("WHEEL") or "").splitlines() if "Tag: " in line
        }
        if {part for tag in tags for part in tag.split(".")} & set(platform_tags(facts)):
            for file in installed.files or []:
                path = Path(str(installed.locate_file(file)))
                if file.name == "uv" and path.is_file():
                    return path.resolve()
        version = installed.version
    except importlib.metadata.PackageNotFoundError:
        version = ""
    wheel = wheel_for("uv", version, facts, home, python="3.9")
    place = wheel.path.parent / "unpacked"
    final = place / "uv"
    if not final.exists():
        with tempfile.TemporaryDirectory(dir=wheel.path.parent) as aside:
            found = wheel.extract(Path(aside), lambda member: member.endswith(".data/scripts/uv"))
            if not found:
                raise LtError("wheel_missing", package="uv", platform=str(facts.get("machine")), detail=wheel.path.name)
            place.mkdir(exist_ok=True)
            found[0].chmod(0o755)
            shutil.move(found[0], final)
    return final
