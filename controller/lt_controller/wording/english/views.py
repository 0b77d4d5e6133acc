"""Lists, files and curves, in English."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "written": "Written: {path}",
    "disk_total": "{total} in all.",
    "disk_partial": "There is too much to count in half a minute: the sizes are of what was counted.",
}
