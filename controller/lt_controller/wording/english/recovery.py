"""English: whose a job is, and a database that is rebuilt."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "not_your_job": (
        "Job {job} is not this laptop's[: it belongs to {by}].",
        "lt adopt {job} takes it over; the other laptop is told and leaves it alone",
    ),
    "owner_changed": (
        "Job {job} was adopted by somebody else just now[: {by}].",
        "lt adopt {job} takes it over all the same",
    ),
    "job_adopted": (
        "Job {job} goes on, but no longer from here: it was adopted[ by {by}].",
        "lt adopt {job} takes it back",
    ),
    "job_elsewhere": (
        "{host} shows a job {job} that is known to be on {other}; it was not taken over.",
        "lt show {job}",
    ),
    "database_damaged": (
        "The database {path} is damaged[: {why}].",
        "lt recover --home puts it aside and rebuilds it from what came home; then lt recover HOST for each host",
    ),
    "home_busy": (
        "The controller of {path} does not leave, so its database can't be rebuilt now.",
        "lt controller stop, then once more",
    ),
    "job_folder_missing": (
        "{host} has no folder of job {job} any more: it was deleted, or its disk is not mounted.",
        "mount it, and all goes on; lt rm {job} --discard forgets the job",
    ),
    "manifest_unreadable": ("The list of files of {name} on the host can't be read; it does not come home.", ""),
    "manifest_too_large": (
        "{name} has more files than one list can tell (about 100,000); it does not come home.",
        "have the command pack them into archives, or name fewer by --pull",
    ),
    "recover_what": ("Recover from where?", "lt recover HOST, or lt recover --home"),
    "recover_failed": ("What came home could not be read back in[: {why}].", "the details are in {log}"),
}

EVENTS: dict[str, str] = {
    "adopted": "adopted[ by {by}]",
    "recovered": "known again, from the files on {host}",
}

PHRASES: dict[str, str] = {
    "database_aside": "The damaged database was put aside: {path}",
    "recovered_host": "{host}: {found} jobs of this laptop, {fresh} of them new here[, {live} not ended].",
    "recovered_home": "{jobs} jobs, {fresh} of them new here; {checkpoints} checkpoints at home, each verified.",
    "recovered_flows": "{sweeps} sweeps and {pipelines} pipelines are known again, at rest: lt sweep resume NAME and"
    " lt pipeline resume NAME go on with them.",
    "recovered_next": "Logs, metrics and checkpoints come home now; lt ps -a shows them.",
    "recovered_bad": "not read: {path} ({why})",
    "others_there": "{count} jobs there belong to other laptops; lt adopt JOB takes one over:",
    "adopted_away": "adopted by {by}",
    "adopted_now": "{job} is this laptop's now; lt logs {job} -f",
    "recover_waits": "{host} is {state} now[: {why}]; it is recovered when it answers.",
    "looking_home": "reading what came home …",
}
