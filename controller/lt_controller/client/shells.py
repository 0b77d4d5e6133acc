"""OpenSSH for people: a shell on a host or in a job's folder, and ports of a host on this machine. A part of `Client`.

These run OpenSSH itself, with the configuration that lt generates: strict about keys, and free to ask the person.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from lt_agent.protocol import states
from lt_agent.protocol.errors import LtError

from . import queries
from .jobs import JobCalls
from .models import Job

_NOT_ON_A_HOST = (states.QUEUED, states.STAGING)
_GO_ON_WITHOUT = ("host_unreachable", "login_needed")  # ssh may do better, and asks


class ShellCalls(JobCalls):
    """The part of the client that gives people a shell."""

    def shell_argv(self, host: str) -> list[str]:
        """The command that opens a shell on a host, strict about its key. Raises LtError `no_such_host`, `bad_jump`."""
        if self._is_local(host):
            return [os.environ.get("SHELL", "/bin/sh")]
        return [*self._ssh(), "-o", "EscapeChar=~", "-t", host]

    def job_shell_argv(self, ref: str, command: Sequence[str] = ()) -> list[str]:
        """The command for a shell (or one `command`) in a job's folder, with its interpreter and its variables.

        The host has the agent that makes it by then. Raises LtError `no_such_job`, `job_not_there`, `no_such_host`,
        and what keeps the host from being reached for the first time.
        """
        job = self._job_on_a_host(ref)
        facts = self._facts_of(job.host)
        digest = queries.host_rows(self._db).get(job.host, {}).get("agent")
        python = (facts.get("python") or {}).get("path")
        if not digest or not python:
            raise LtError("host_never_probed", host=job.host)
        root = str(facts["root"])
        argv = [str(python), "-E", "-s", "-S", f"{root}/agents/{digest}", "shell"]
        argv += ["--root", root, "--job", job.id, "--attempt", str(job.attempt)]
        if command:
            argv += ["--command", json.dumps(list(command))]
        if self._is_local(job.host):
            return argv
        from ..transport.remote import command_line

        terminal = [] if command else ["-o", "EscapeChar=~", "-t"]
        return [*self._ssh(), *terminal, job.host, command_line(argv)]

    def forward_argv(self, host: str, remote: int, local: int) -> list[str] | None:
        """The command that makes port `remote` of a host's loopback `local` of this machine's, until it ends.

        None for host `local`, whose ports are here already. Raises LtError `no_such_host`, `bad_jump`.
        """
        if self._is_local(host):
            return None
        # The generated configuration clears forwardings: nothing but this one may be forwarded.
        options = ["-N", "-T", "-o", "ClearAllForwardings=no", "-o", "ExitOnForwardFailure=yes"]
        return [*self._ssh(), *options, "-L", f"127.0.0.1:{local}:127.0.0.1:{remote}", host]

    def place(self, ref: str) -> tuple[str, Job | None]:
        """Which host is meant by the name of a host or of a job; a host wins over a job of the same name.

        Raises LtError `no_such_place`, `ambiguous_job`, `job_not_there`.
        """
        if self.has_host(ref):
            return ref, None
        try:
            job = self._job_on_a_host(ref)
        except LtError as error:
            if error.code != "no_such_job":
                raise
            raise LtError("no_such_place", ref=ref) from None
        return job.host, job

    def _job_on_a_host(self, ref: str) -> Job:
        job = self.job(ref)
        if job.state in _NOT_ON_A_HOST:
            raise LtError("job_not_there", job=job.name, state=job.state)
        return job

    def _facts_of(self, host: str) -> dict[str, Any]:
        """What is known of the host, which has the present agent then, if it can be reached."""
        try:
            facts = self._call("connect", 180.0, name=host)
        except LtError as error:
            known = queries.facts(self._db, host)
            if error.code not in _GO_ON_WITHOUT or known is None:
                raise
            facts = known
        return dict(facts) if isinstance(facts, dict) else {}

    def _is_local(self, host: str) -> bool:
        from lt_inventory.hosts_file import HostsFile

        return HostsFile(self.home.hosts_file).get(host).kind == "local"

    def _ssh(self) -> list[str]:
        from lt_inventory.hosts_file import HostsFile

        from ..transport.ssh_config import write_ssh_config

        return ["ssh", "-F", str(write_ssh_config(HostsFile(self.home.hosts_file).load(), self.home, person=True))]
