"""English: states, reasons, events, and lt's own lines."""

from __future__ import annotations

#: States of jobs, pulls and hosts. The codes are English already; a better word stands here.
WORDS: dict[str, str] = {"timed_out": "timed out", "none": "–"}

#: Why a job ended.
REASONS: dict[str, str] = {
    "completed": "done",
    "ok": "done",
    "done": "done",
    "early_stopped": "stopped early, no better result",
    "stopped": "stopped on request",
    "stopped_before_start": "stopped before it started",
    "paused": "paused on request",
    "timeout": "its time was up",
    "oom": "out of memory",
    "nan": "the loss became NaN",
    "hang": "no progress",
    "disk_full": "the host's disk is full",
    "data_changed": "data on the host was changed",
    "bad_recipe": "the recipe does not fit",
    "bad_data": "the data does not fit",
    "missing_module": "a Python package is missing",
    "model_not_found": "the model was not found",
    "resume_incomplete": "the checkpoint lacks what an exact resume needs",
    "exit_code": "exit code",
    "signal": "ended by a signal",
    "host_rebooted": "the host was restarted",
    "container_restarted": "the container was restarted",
    "supervisor_killed": "its supervisor was killed",
    "error": "failed",
    "exception": "an error in the training",
    "start_failed": "it could not be started",
    "env_build_failed": "building the environment failed",
    "no_supervisor": "its supervisor could not be started",
}

#: The codes that some errors and skipped files carry as `why` or `where`.
WHYS: dict[str, str] = {
    "dns": "there is no address for this name",
    "refused": "nothing listens at this port",
    "timeout": "no answer in time",
    "no_route": "no route to this address",
    "network": "a network error",
    "handshake": "what answers there does not speak SSH as expected",
    "connection_lost": "the connection was cut",
    "silent": "no sign of life any more",
    "leaving": "the controller is leaving",
    "refused_by_jump": "the jump host could not reach it",
    "not_started": "the agent did not start",
    "connection": "the connection was cut",
    "files_missing": "files were no longer there",
    "io": "reading or writing failed",
    "rsync": "rsync failed",
    "agent": "the agent on the host failed",
    "path": "a path that leads outside",
    "link": "a link where none may be",
    "missing": "it is not there",
    "size": "another size than announced",
    "loop": "it leads through itself",
    "form": "write [user@]address[:port]",
    "laptop": "this machine",
    "link_outside": "a link that leads outside",
    "broken_link": "a link to nothing",
    "unreadable": "can't be read",
    "special": "no regular file",
}

#: What to do when `lt host add` failed, by code; "" for all others. The host is not in the inventory then.
ADDING: dict[str, str] = {
    "": "when that is mended, type it again: lt host add {host} …",
    "login_failed": "lt host add {host} USER@ADDRESS --key FILE, with the login and the key that it knows",
    "host_unreachable": "check address and port, and that the machine is up: lt host add {host} USER@ADDRESS:PORT",
    "agent_not_pushed": "lt host add {host} … --root DIR, with a folder there that you may write to",
    "key_permissions": "chmod 600 {key}",
    "key_public": "lt host add {host} … --key FILE, with the file without .pub",
    "key_encrypted": "ssh-add {key} unlocks it until you log out",
}

EVENTS: dict[str, str] = {
    "checkpoint": "checkpoint {name}[ (step {step})][, {size:size}]",
    "checkpoint_failed": "checkpoint {name} could not be recorded[: {why}]",
    "rotated": "{name} was deleted on the host: newer ones are there",
    "disk_low": "the host's disk is getting full[: {free:size} free]",
    "started_again": "started again from step {from_step}: {reason}[, now {per_device_train_batch_size} rows at "
    "a time][, {gradient_accumulation_steps} passes a step][, now {per_device_eval_batch_size} rows at a time when "
    "evaluating]",
    "hang": "nothing happened for {seconds:time} ({phase}); the log shows where each thread was",
    "loss_spike": "step {step}: the loss jumped to {loss} from {usual}; look at the rows, lower "
    "learning_rate or max_grad_norm if it stays",
    "loss_plateau": "step {step}: the loss has stayed at {loss}; it may have learnt what there is, or "
    "learning_rate is too small",
    "kl_high": "step {step}: the model is far from its start (KL {kl}); raise beta or lower learning_rate",
    "reward_collapse": "step {step}: the reward fell to {reward}, it was {best}; go back to an earlier checkpoint "
    "with a lower learning_rate",
    "reward_flat": "step {step}: within each group all answers get the same reward; make the reward finer, the "
    "prompts easier, or raise temperature",
    "resume_data_differs": "the data is not what the checkpoint was trained on",
    "plan": "{total_steps} steps planned",
    "env_existing": "environment: {python}",
    "env_cached": "environment: built before ({python})",
    "env_waiting": "environment: another job is building it",
    "env_building": "environment: building[, {packages} packages]",
    "env_built": "environment: built[ in {seconds:time}]",
    "collect_skipped": "not collected: {paths}",
    "samples_unavailable": "no measurements of {what}[: {why}]",
    "pulled": "{name} is at home, verified",
    "unreadable_event": "an event that can't be read ({bytes} bytes)",
}

#: Findings of `lt host check` by code. English is what the check itself says.
CHECKS: dict[str, tuple[str, str]] = {}

PHRASES: dict[str, str] = {
    "big_entry": "{size:size} in {files:files}: {entry}",
    "submitted": "Submitted {job} to {host}.",
    "still_running": "{job} goes on without you: lt logs {job} -f",
    "follow_end": "{job}: {state}[ ({why})]",
    "come_home": "At home: {path}",
    "coming_home": "Checkpoints are on their way home: lt wait {job} --pulled",
    "asked": "{what}: asked of {host}[, which is {state} now: it will be carried out when it answers]",
    "done": "{what}: done",
    "done_stop": "{what}: {host} has been told; lt wait {job} returns when nothing of it is left",
    "done_pause": "{what}: {host} has been told; lt wait {job} returns when it rests",
    "done_save": "{what}: {host} has been told; it saves at its next step",
    "done_pull": "{what}: on the way; lt wait {job} --pulled returns when all is at home",
    "done_resume": "{what}: it goes on; lt logs {job} -f",
    "done_remove": "{what}: forgotten[, and deleted on {host}][; what came home stays in {home}]",
    "not_added": "{host} was not added.",
    "no_gpu": "no GPU",
    "yes": "yes",
    "submit_waits": "{host} is {state} now[: {why}]; {job} is sent when it answers. lt stop {job} takes it back",
    "would_import": "would be imported: {host} ({address})",
    "no_jobs": "No job is alive. lt ps -a shows ended ones; lt submit HOST RECIPE starts one.",
    "no_jobs_at_all": "No jobs yet. lt submit HOST RECIPE starts one; lt recipe ls shows recipes.",
    "host_key": "{host} ({address}) shows the {key_type} key {fingerprint}",
    "host_key_known": "known before: {known}",
    "host_key_ask": "Is this the host's key?",
    "rsync_ask": "{host} has no rsync, so files travel more slowly. Install it there with `{command}`?",
    "rsync_installing": "installing rsync on {host} …",
    "host_added": "{host} is added: {summary}",
    "host_removed": "{host} is forgotten; nothing on it was touched.",
    "host_edited": "{host} is changed.",
    "host_trusted": "{host} may show the key {fingerprint} from now on.",
    "estimate_total": "{total} on each GPU; {parameters} weights, {trained} of them trained",
    "estimate_fits": "It fits {host}: {memory}.",
    "estimate_change": "It does not fit {host} ({memory}). With this it would: {changes}",
    "estimate_too_large": "It does not fit {host} ({memory}), whatever is changed: take a smaller model or more GPUs.",
    "recipe_fine": "{recipe} is fine.",
    "not_installed": "not installed",
    "is_there": "there is a host of this name already",
    "reading": "reading {what}  {done} / {total}",
    "looking": "Looking at {host} …",
    "left_out": "not sent: {path} ({why})",
    "sends": "{name}: {files:files}, {size:size}",
    "there_already": "{name}: on the host already",
    "controller_off": "No controller is running; one starts when it is needed.",
    "controller_on": "The controller runs (pid {pid}).",
    "controller_left": "The controller has left; jobs on the hosts go on.",
    "nothing_imported": "Nothing to import.",
    "imported": "imported {host} ({address})",
    "not_imported": "not imported: {host} ({why})",
    "interrupted": "Interrupted.",
    "sending": "sending {what} to {host}",
    "pulling": "bringing {what} home from {host}",
}
