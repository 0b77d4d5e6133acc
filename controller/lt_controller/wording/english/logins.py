"""Logging in, in English: passwords, passphrases, second factors, installed keys, shells and forwarded ports."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "login_needed": (
        "{host} lets nobody in[ as {user}] by a key of ours: a person has to answer[ (it takes: {methods})].",
        "lt host connect {host}",
    ),
    "login_wrong": (
        "{host} has refused the answers[ of {user}] {tries} times.",
        "lt host connect {host} asks again; wait a little where a host locks people out",
    ),
    "login_closed": (
        "{host} closed the connection before the login was complete: too slow, or too many tries.",
        "lt host connect {host} asks again",
    ),
    "login_cancelled": ("The login on {host} was broken off.", "lt host connect {host} asks again"),
    "login_unanswered": ("Nobody answered what {host} asked within {seconds:time}.", "lt host connect {host}"),
    "login_no_terminal": (
        "{host} asks something, and there is no terminal to answer on.",
        "type it in a terminal: lt host connect {host}",
    ),
    "passphrase_wrong": ("The passphrase of {key} was wrong {tries} times.", "lt host connect {host} asks again"),
    "no_keyring": (
        "This system has no keyring that passwords could be kept in safely[: {why}]. Nothing was kept.",
        "leave out --remember: the controller keeps it in memory",
    ),
    "keyring_failed": (
        "The system's keyring did not do it[: {why}].",
        "unlock it and try again, or leave out --remember",
    ),
    "key_not_installed": ("The key could not be put on {host}[: {detail}].", "lt host check {host}"),
    "key_not_accepted": (
        "The key {key} is in ~/.ssh/authorized_keys on {host}, and the host still refuses it.",
        "its sshd_config may forbid keys or name another file; the host's log says more",
    ),
    "port_taken": ("Port {port} of this machine is in use.", "leave it out, or name another: {remote}:LOCALPORT"),
    "bad_port": ("{value} is no port.", "write PORT or PORT:LOCALPORT, like 6006 or 6006:16006"),
    "forward_failed": ("ssh could not forward the port from {host}[ (exit code {exit})].", "lt host check {host}"),
    "forward_ended": ("The connection to {host} has ended, and the forwarded port with it.", "type it again"),
    "no_such_place": ("There is no host and no job {ref}.", "lt host ls lists the hosts, lt ps -a the jobs"),
    "job_not_there": ("Job {job} has no folder on a host yet: it is {state}.", "lt show {job}"),
}

ADDING: dict[str, str] = {
    "login_needed": "type it in a terminal, where the password can be asked for, or name a key with --key FILE",
    "login_wrong": "type it again: lt host add {host} …",
    "login_closed": "type it again: lt host add {host} …",
    "login_cancelled": "type it again: lt host add {host} …",
    "login_unanswered": "type it again: lt host add {host} …",
    "passphrase_wrong": "type it again: lt host add {host} …",
}

WORDS: dict[str, str] = {"needs_login": "needs login"}

WHYS: dict[str, str] = {
    "no_backend": "none is running here",
    "plain_text": "the one that is set up keeps them readable by anybody",
    "not_there": "the Python package keyring is missing",
}

PHRASES: dict[str, str] = {
    "ask_password": "Password of {target}: ",
    "ask_passphrase": "Passphrase of {path}: ",
    "ask_again": "That was not right.",
    "ask_host": "{host} ({target}) asks:",
    "host_connected": "{host} is connected.",
    "login_by_key": "No question was asked: a key does it.",
    "login_kept_memory": "The answer is kept in the controller's memory while it runs, without work for 12 hours at the"
    " most. A cut connection comes back by itself.",
    "login_kept_keyring": "The answer is kept in this system's keyring. lt host connect {host} --forget deletes it.",
    "login_once": "It took an answer that works only once, so nothing was kept: after a cut connection lt shows"
    " `needs login`, and asks again by lt host connect {host}. Jobs there go on meanwhile.",
    "login_once_remember": "--remember has no effect here.",
    "login_forgotten": "What was kept for {host} is forgotten.",
    "key_installed": "The key {path} is on {host} now, and logs in.",
    "key_was_there": "The key {path} was on {host} already, and logs in.",
    "shell_job": "{job}, attempt {attempt}, on {host}",
    "forwarding": "{url} leads to port {remote} of {host}. Ctrl-C ends it.",
    "forward_local": "Port {remote} is on this machine: {url}",
    "forward_done": "The port is closed.",
    "forward_other_port": "Port {wanted} is in use here; {port} is taken instead.",
    "forward_job_rests": "{job} is {state}: nothing of it may listen.",
}
