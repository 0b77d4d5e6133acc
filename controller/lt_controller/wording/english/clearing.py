"""English: making room on a host."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "done_clear": "{what}: deleted there",
    "gc_home": "can go: all of it is at home",
    "gc_unused": "can go: nothing uses it",
    "gc_leftover": "can go: left over",
    "gc_used": "in use, or was just now",
    "gc_alive": "has not ended",
    "gc_not_home": "not all at home: lt pull",
    "gc_not_ours": "another laptop's",
    "gc_would": "{count} things ({size:size}) can go: lt gc {host} --yes",
    "gc_done": "{host}: {count} things deleted, {size:size}.",
    "gc_nothing": "Nothing on {host} can go.",
}
