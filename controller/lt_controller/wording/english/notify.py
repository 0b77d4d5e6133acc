"""English: telling people."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "notify_invalid": (
        "What {path} says of notify can't be used as it stands:",
        "mend these lines; docs/notify.md has examples",
    ),
    "notify_none": ("{path} has no {table}, so nobody is told anything.", "docs/notify.md has one of each kind"),
    "no_such_channel": ("There is no channel {name} in config.toml[; there are: {known}].", "lt notify ls"),
    "notify_no_secret": (
        "It needs {names}, and neither the keyring nor the controller has that.",
        "lt secret set NAME for each, or export them and type lt notify test",
    ),
    "notify_not_https": (
        "The address at {host} is a secret, and it is not https: it would travel in plain sight.",
        "use its https:// address",
    ),
    "notify_bad_address": (
        "The secret that should be its address is none that begins with https://.",
        "lt secret set NAME, with the whole address",
    ),
    "notify_unreachable": ("{host} can't be reached: {why}.", "lt notify test, when the network is back"),
    "notify_slow": ("It did not answer within {seconds} s.", "lt notify test"),
    "notify_refused": ("{host} answered {status}[: {answer}].", "check its address and its key; lt notify test"),
    "notify_no_program": ("There is no program {program} on this machine.", "install it, or take another channel"),
    "notify_command_failed": ("{program} failed: {why}.", "run it by hand with the event on its input"),
    "notify_fault": ("It failed by a fault of lt's own ({why}).", "lt doctor"),
}

PHRASES: dict[str, str] = {
    "notify_succeeded": "lt: {job} succeeded on {host}",
    "notify_failed": "lt: {job} {state} on {host}[: {why}]",
    "notify_stopped": "lt: {job} was stopped on {host}",
    "notify_lost": "lt: {job} was lost on {host}[: {why}]",
    "notify_retry": "lt: {job} {state} on {host}[: {why}]; it is tried again[ ({try})]",
    "notify_event": "lt: {job} on {host}: {what}",
    "notify_lease": "lt: the lease of {host} ends in {left:time} ({until})",
    "notify_unreachable": "lt: {host} has been {state} for {seconds:time}; {jobs} of your jobs are there, "
    "and no proof that anything happened to them",
    "notify_ago": " ({age:time} ago)",
    "notify_many": "lt: {count} things happened: {told}",
    "notify_more": "… and {count} more",
    "notify_kind_succeeded": "succeeded",
    "notify_kind_failed": "failed",
    "notify_kind_stopped": "stopped",
    "notify_kind_lost": "lost",
    "notify_kind_retry": "tried again",
    "notify_kind_stall": "without progress",
    "notify_kind_sign": "to look at",
    "notify_kind_lease": "leases that end",
    "notify_kind_unreachable": "hosts that are away",
    "notify_details": "[{recipe}][ · took {took}][ · step {step}][/{total}][ · attempt {attempt}]",
    "notify_look": "lt show {job} · lt logs {job}",
    "notify_look_lease": "lt drain {host} brings everything home",
    "notify_look_host": "lt host check {host}",
    "notify_test_title": "lt: this is a test",
    "notify_test_text": "Channel {channel} of {laptop} works.",
    "notify_told": "{name} has taken it.",
    "notify_no_channels": "{path} has no {table}: nobody is told anything. For a window on this desktop:\n\n"
    "    {line}\n\ndocs/notify.md has Slack, Feishu, DingTalk and others.",
    "notify_is_pending": "waiting",
    "notify_is_sent": "told",
    "notify_is_failed": "given up",
    "notify_is_dropped": "channel gone",
}
