"""Lists, files and curves, in English."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "written": "Written: {path}",
    "driver_of": "driver {driver}",
    "disk_free": "{free:size} free of {total:size} in {path}",
    "plan_head": "{name} on {host}[, GPUs: {gpus}]",
    "plan_env": "environment: {kind} {python}[ ({reason})]",
    "plan_size": "to send at the most: {size:size}",
    "plan_home": "comes home: {what}",
    "plan_nothing": "nothing",
    "plan_existing": "as it is,",
    "plan_overlay": "completed, over",
    "plan_locked": "new, by uv, from",
    "host_next": "Next: lt submit {host} tiny-sft --follow trains a tiny model there; lt recipe ls lists the recipes.",
    "follow_look": "lt logs {job}, lt show {job}",
    "doctor_free": "{path} ({free:size} free)",
    "doctor_jobs": "{path} ({count} jobs)",
    "doctor_room": "make room",
    "doctor_rsync": "apt install rsync, or brew install rsync; without it files travel more slowly",
    "doctor_sshd": "apt install openssh-server lets lt demo go over real SSH",
    "doctor_training": "needed for lt demo and host local alone: pip install 'labtrain[train]', or make demo",
    "controller_connected": "connected",
    "disk_total": "{total} in all.",
    "disk_partial": "There is too much to count in half a minute: the sizes are of what was counted.",
}
