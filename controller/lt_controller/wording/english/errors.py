"""Errors in English: code → (what happened, the next command). A part in [brackets] needs its fields to be there."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    # Jobs
    "no_such_job": ("There is no job {ref}[{job}][; near it: {near}].", "lt ps -a lists all jobs"),
    "ambiguous_job": ("{ref} may be {count} jobs: {jobs}.", "type more of the name: lt ps -a lists them"),
    "name_taken": ("A job is called {name} already; a name is never given twice.", "choose another with --name"),
    "bad_job_name": (
        "{name} can't be a job's name: letters, digits, dot, dash and underscore, 63 at the most.",
        "choose another with --name",
    ),
    "bad_job_id": ("{job} is no job id.", "lt ps -a lists all jobs"),
    "job_removed": ("Job {job} has been removed.", "lt ps -a lists all jobs"),
    "job_alive": ("Job {job} is [{state}, so it is ]not at rest.", "lt stop {job} ends it first"),
    "job_has_ended": ("Job {job} has ended already ({state}).", "lt show {job} says how"),
    "job_ended": ("Job {job} has ended already.", "lt show {job} says how"),
    "job_not_resting": (
        "Job {job} is {state}; only a paused or ended one can be resumed.",
        "lt pause {job} stops it for now",
    ),
    "job_not_running": ("Job {job} is {state}, so nothing is there to save.", "lt show {job}"),
    "not_a_recipe": (
        "Job {job} is a command of yours: when it saves is its own affair.",
        "lt pull {job} brings home what its --pull patterns match",
    ),
    "no_such_attempt": ("Job {job} has no attempt {attempt}[; the newest is {newest}].", "lt show {job}"),
    "no_such_checkpoint": (
        "[Job {job} has ]no checkpoint {name} on its host[; there are: {known}].",
        "lt show {job} lists them",
    ),
    "checkpoint_gone": (
        "Checkpoint {name} is no longer on the host: it was rotated away before it came home.",
        "a recipe's save.save_total_limit says how many stay, save.pull which come home",
    ),
    "checkpoint_empty": ("Checkpoint {name} has no files.", "lt logs {job} shows what the training said"),
    "not_yet_home": (
        "Job {job} has checkpoints that are on the host alone: {checkpoints}.",
        "lt pull {job} brings them home; lt rm {job} --discard deletes them",
    ),
    "no_output": ("Job {job} has made no model[ called {name}].", "lt show {job} lists its checkpoints"),
    "output_not_home": (
        "{name} of job {job} is neither on {host} nor at home.",
        "lt pull {job} brings it home",
    ),
    "no_metrics": ("Job {job} has logged no[ {name}] values[; there are: {known}].", "lt logs {job}"),
    "wait_timeout": ("Job {job} is still {state} after {seconds:time}.", "lt wait {job} goes on waiting"),
    "stopped_before_start": ("It was stopped before it reached its host.", "submit it again"),
    "resume_missing": (
        "The checkpoint to resume from, {name} of attempt {attempt}, is not complete on the host[: {path}].",
        "lt show {job} lists those that are",
    ),
    "data_missing": ("The host no longer has the data {name} of this job.", "submit it again: the data is sent again"),
    "python_missing": ("The host has no interpreter {python}.", "lt host show {host} lists the ones it has"),
    # What is submitted
    "bad_recipe": ("The recipe {recipe} can't be used:", "mend it, then: lt recipe check {recipe}"),
    "bad_dataset": (
        "{path} does not fit its type {type}[; wrong lines: {count} at least]:",
        "mend the file, or its type",
    ),
    "empty_dataset": ("{path} has no rows.", "name another file"),
    "no_such_path": ("{path} can't be read: {why}.", "check the path; host:/path means one on the host"),
    "path_not_usable": ("{path} can't be used[: {why}].", "name another path"),
    "not_a_file": ("{path} is neither a file nor a folder.", "name a regular file or a folder"),
    "no_such_folder": ("There is no folder {folder}.", "cd to your project, or give the folder that is there"),
    "empty_folder": (
        "{folder} holds no file that can be sent[ ({links_outside} links lead outside of it)].",
        "put files there, or copies in place of the links (cp -rL)",
    ),
    "folder_unreadable": ("The folder {folder} can't be read: {why}.", "check its permissions"),
    "file_unreadable": ("{path} can't be read: {why}.", "check it, or leave it out with a line in .ltignore"),
    "file_changed": ("{path} changed while it was sent.", "submit again when nothing writes to it"),
    "folder_too_big": (
        "The folder {folder} has {files} files and {size:size}; more than {files_limit} files or {size_limit:size}"
        " are not sent with a job. The largest:",
        "leave out what the job needs not: echo {first} >> .ltignore; large data goes to the host once, by hand or"
        " as a recipe's dataset",
    ),
    "bad_pattern": ("{pattern} can't be pulled: a pattern is relative to the working folder.", "--pull 'out/**'"),
    "bad_pattern_re": ("{pattern} is no regular expression: {why}.", "quote it: --grep 'loss|error'"),
    "no_command": ("There is no command to run on {host}.", "lt run {host} -- python train.py"),
    "not_enough_gpus": (
        "{host} has {there} GPUs, and the job asks for {asked}.",
        "choose another host (lt host ls), or ask for fewer: resources.gpus=0, or --gpus 0, uses the CPU",
    ),
    "not_enough_slots": (
        "{host} runs {slots} slots at once, and the job asks for {asked} GPUs: it would wait for ever.",
        "lt host edit {host} --slots {asked}",
    ),
    "file_exists": ("{path} is there already.", "give another name, or --force"),
    "data_changed": (
        "{path} has changed since the job was submitted[ ({why})], so it was not sent.",
        "submit again with the file as it is now",
    ),
    "data_mismatch": ("{path} arrived on the host with other content than was sent.", "submit again"),
    "incomplete": ("{count} files of {name} did not arrive on the host.", "submit again"),
    "cache_damaged": ("{path} in lt's cache can't be read: {why}.", "submit again: it is made anew"),
    "bad_manifest": ("The list of files of {name}[{path}] is not to be trusted[: {why}].", "lt host check {host}"),
    "model_config_missing": (
        "The configuration of {model} can't be read: {why}.",
        "name its config.json: lt estimate RECIPE --config FILE",
    ),
    "bad_time": ("{value} is no length of time.", "write it like 90s, 30m or 12h"),
    "bad_moment": (
        "{value} is no time.",
        "write a date, a time or how long ago: 2026-11-21, 2026-11-21T08:00, 2d, 12h",
    ),
    "raw_to_terminal": (
        "--raw passes the log's bytes on as they are, and this is a terminal, which would act on them.",
        "lt logs {job} --raw > FILE",
    ),
    # Hosts
    "no_such_host": ("There is no host {host}[; near it: {near}].", "lt host ls lists them; lt host add adds one"),
    "host_exists": ("There is a host {host} already.", "lt host edit {host} changes it"),
    "bad_host_name": (
        "'{name}' can't be a host's name: letters, digits, dot, dash and underscore; local and any are taken.",
        "choose another name",
    ),
    "bad_host": ("Host {host} has an unusable address or user: [{user}@]{address}.", "lt host edit {host} --address …"),
    "bad_jump": ("The jump {jump} of host {host} can't be used ({why}).", "lt host edit {host} --jump …"),
    "host_setting_invalid": (
        "These settings of host {host} are not right:",
        "lt host edit --help tells what each may be",
    ),
    "config_invalid": ("{path} can't be read, line {line}: {why}", "mend that line"),
    "hosts_file_invalid": ("{path} can't be used as it stands:", "mend these lines"),
    "host_in_use": (
        "{count} jobs run or wait on {host}: {jobs}.",
        "lt stop them first; --force forgets the host and leaves them running",
    ),
    "setting_in_use": (
        "{key} of {host} can't be changed now: {count} of its jobs lie there ({jobs}).",
        "lt wait or lt stop them first",
    ),
    "host_is_jump": (
        "{jumps} are reached through {host}.",
        "lt host edit NAME --jump … gives them another way; --force forgets {host} all the same",
    ),
    "no_such_setting": ("A host has no setting {key}[; near it: {near}].", "lt host show {host} lists them"),
    "nothing_to_change": ("Nothing to change on {host} was named.", "lt host edit --help"),
    "root_not_ours": (
        "{root} on {host} belongs to another user, who could put programs in the place of lt's.",
        "lt host edit {host} --root DIR names a folder of your own",
    ),
    "host_never_probed": ("Nothing is known of {host} yet.", "lt host check {host}"),
    "host_unreachable": (
        "Host {host}[ ({address})] can't be reached[: {why}][ ({detail})].",
        "lt host check {host}; jobs there go on, and are caught up with when it answers",
    ),
    "login_failed": (
        "{host} refused the login[ as {user}][ (tried: {methods})].",
        "lt host edit {host} --key FILE --user NAME, then: lt host check {host}",
    ),
    "key_missing": ("The key {key}[ of host {host}] is not there.", "lt host edit {host} --key FILE"),
    "key_permissions": ("The key {key} may be read by others, so ssh would refuse it.", "chmod 600 {key}"),
    "key_public": ("{key} is a public key[; host {host} needs the private one].", "name the file without .pub"),
    "key_unreadable": ("The key {key} can't be read[: {detail}].", "lt host edit {host} --key FILE"),
    "key_encrypted": (
        "The key {key} has a passphrase.",
        "lt host connect {host} asks for it; ssh-add {key} unlocks it until you log out",
    ),
    "host_key_unknown": (
        "The key of {host} ({fingerprint}) is not trusted yet.",
        "lt host trust {host} shows it and asks",
    ),
    "host_key_changed": (
        "{host} shows another key than before ([{offered}, ]known: {known}). Either the machine was made anew, or"
        " somebody stands in between: nothing was sent.",
        "if you know why it changed: lt host trust {host}",
    ),
    "key_not_confirmed": (
        "{host} shows the key {fingerprint}, and nobody confirmed it.",
        "the same with --fingerprint {fingerprint} if it is right, or with --accept-new to take any",
    ),
    "fingerprint_differs": (
        "{host} shows the key {offered}, not {expected}: nothing was changed.",
        "ask whoever runs the host for its fingerprint",
    ),
    "host_no_python": (
        "{host} has no Python 3.9 or newer that could be found.",
        "install python3 there, then: lt host check {host}",
    ),
    "probe_failed": ("Looking at {host} failed (exit code {exit})[: {detail}].", "lt host check {host}"),
    "command_timeout": ("{command} on {host} did not end within {seconds:time}.", "lt host check {host}"),
    "too_many_sessions": (
        "{host} opens no more sessions on one connection.",
        "raise MaxSessions in its sshd_config, or wait",
    ),
    "start_failed": ("{program} can't be started: {why}.", "see that it is there and may be executed"),
    # Transfers
    "transfer_failed": ("The transfer with {host} failed: {why}[: {detail}].", "it is tried again by itself; lt ps"),
    "transfer_cancelled": ("The transfer with {host} was cancelled.", "lt ps"),
    "transfer_refused": ("{path} from [{host}] the host was not taken ({why}).", "lt host check {host}"),
    "pull_failed": ("{name} could not be brought home: {why}.", "lt pull {job} tries again"),
    "hash_mismatch": (
        "{path} of {name} came home with another hash than {host} announced.",
        "lt pull {job} tries again",
    ),
    "disk_full": (
        "The disk is full[ on {host}][ on {where}][: {path}][; free: {free:size}][; jobs leave {floor:size} free].",
        "make room there; lt rm {job} deletes an ended job's files on its host",
    ),
    "no_rsync": ("{host} has no rsync.", "install rsync there, or go on without: files travel as a tar"),
    "no_rsync_here": ("This machine has no rsync.", "install rsync: apt install rsync, or brew install rsync"),
    "range_missing": ("{path} on the host is shorter than announced.", "lt pull {job} tries again"),
    "bad_archive": ("The archive that arrived can't be unpacked: {path} {problem}.", "submit again"),
    # Environments on the host
    "env_build_failed": (
        "Building the environment failed at {step}[: {tail}].",
        "lt logs {job} shows all of it; no way to the index? lt host edit {host} --index-url … or --proxy https=…",
    ),
    "env_python_missing": (
        "The interpreter {python} can't be used on the host[: {problem}].",
        "lt host show {host} lists the ones it has; env.python names one",
    ),
    "uv_missing": ("The host has no uv, and none could be sent.", "install uv there: https://docs.astral.sh/uv/"),
    "python_too_old": ("{python}[ on {host}] is Python {version}; {needed} is needed.", "name another with env.python"),
    "machine_unsupported": (
        "There are no torch packages for {machine}[, which {host} is].",
        "name a Python that has torch: env.python",
    ),
    "libc_unsupported": (
        "The packages need {needed}, and [{host}]the host has {libc}.",
        "use a newer image, or name a Python that has torch: env.python",
    ),
    "unknown_lock": ("There is no lock {lock}.", "lt recipe show sft-lora shows how one is named"),
    "gpu_mix": (
        "[{host} has ]GPUs that no one build of torch runs on: {gpus}.",
        "name a Python that has torch: env.python",
    ),
    "gpu_too_old": (
        "torch no longer runs on {gpu}[ of {host}].",
        "resources.gpus=0 uses the CPU; env.python names a Python with an older torch",
    ),
    "driver_too_old": (
        "The driver {driver}[ of {host}] runs CUDA {cuda} at most: torch needs driver {needed} or newer.",
        "update the driver, or name a Python whose torch fits it: env.python",
    ),
    "accelerator_unsupported": (
        "lt builds environments for NVIDIA GPUs only, and [{host} has ]{kind}.",
        "name a Python that has torch for it: env.python",
    ),
    "tool_not_pushed": (
        "{tool} could not be put on {host}[: {detail}].",
        "install it there, or name a Python that has all: env.python",
    ),
    "install_impossible": (
        "{program} can't be installed on {host} by lt: no package manager that it knows is there.",
        "install it by hand, then: lt host check {host}",
    ),
    "install_failed": (
        "{program} could not be installed on {host}[: {detail}]. Files will travel as a tar until it is there.",
        "on the host: {command}",
    ),
    "wheel_missing": (
        "The package {package} for {platform} could not be fetched here[: {detail}].",
        "check this machine's pip settings and network",
    ),
    # The agent
    "agent_not_pushed": (
        "The agent could not be put on {host}[: {detail}].",
        "lt host check {host}",
    ),
    "agent_missing": ("The agent is no longer on {host}.", "try again: it is sent anew"),
    "agent_failed": ("The agent on the host failed[: {problem}][ {kind}].", "lt host check {host}"),
    "agent_error": ("The agent on the host failed: {message}.", "lt show {job}"),
    "bad_name": ("{name} can't be the name of a folder.", "choose another name"),
    "bad_record": ("A record {record} on the host can't be read: {problem}.", "lt host check {host}"),
    "bad_request": ("The host did not understand a request ({key}).", "lt controller stop, then try again"),
    "unknown_op": ("The host's agent (version {version}) does not know {op}.", "lt controller stop, then try again"),
    "reply_too_large": ("The host's answer was too large: {problem}.", "lt host check {host}"),
    "busy": ("Job {job} is being changed by somebody else at this moment.", "try again"),
    "lease_dir_unsafe": (
        "The lease folder {path} on the host is not safe to use[: {why}].",
        "lt host edit {host} --lease-dir names another",
    ),
    # The laptop's side
    "home_unusable": ("lt's folder {path} can't be used: {why}.", "LT_HOME names another"),
    "database_unreadable": ("The database {path} can't be used: {why}.", "lt doctor"),
    "controller_not_running": ("No controller is running.", "lt controller start"),
    "controller_start_failed": ("The controller did not start[: {tail}].", "its log: {log}"),
    "controller_gone": ("The controller left in the middle.", "try again; its log: {log}"),
    "controller_silent": ("The controller has not answered for {seconds:time}.", "its log: {log}"),
    "controller_busy": ("The controller has not left after {seconds:time}.", "its log: {log}"),
    "controller_foreign": ("Somebody else's process listens at {path}.", "LT_HOME names another folder"),
    "unknown_request": ("The controller does not know {op}: it is older than this lt.", "lt controller stop"),
    "bad_intent": ("A request could not be understood[: {why}].", "submit again"),
    "unknown_intent": ("The controller does not know the request {kind}.", "lt controller stop, then try again"),
    "internal": ("lt itself failed[ with {host}][: {why}].", "its log: controller.log in LT_HOME"),
    "unexpected": ("lt itself failed: {why}.", "the traceback is in {log}"),
    "system_error": ("{why}[: {path}].", "lt doctor"),
    # Demo
    "no_sshd": ("OpenSSH's server is not installed here.", "apt install openssh-server"),
    "sshd_failed": ("The private sshd did not start[: {log}].", "lt doctor"),
    "demo_needs_training": (
        "Training on this machine needs {missing}, which {python} does not have.",
        "pip install 'labtrain[train]' (Python 3.11 or newer), or: make demo",
    ),
    "demo_no_answer": ("The trained model gave no answer[: {why}].", "lt logs {job}"),
}
