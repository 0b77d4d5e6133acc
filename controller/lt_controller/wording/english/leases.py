"""English: leases that end."""

from __future__ import annotations

EVENTS: dict[str, str] = {
    "lease_save": "the lease ends in {left:time}: asked for a checkpoint",
    "lease_collect": "the lease ends in {left:time}: collecting what is to come home",
    "lease_saved": "{name}[ (step {step})] is at home before the lease of {host} ends; the job goes on until then",
    "lease_short": "the lease of {host} ends in {left:time}, and the job needs {needs:time}",
    "lease_over": "the lease of {host} is over; at home is {name}[ (step {step})]",
    "lease_unsaved": "the lease of {host} is over; nothing of the job is at home",
}

PHRASES: dict[str, str] = {
    "lease_too_short": "the lease of {host} ends in {left:time}[, and it needs {needs:time}]",
    "lease_is_over": "the lease of {host} was over {ago:time} ago",
    "lease_hint": "lt host edit {host} --until TIME, if it was extended",
}
