"""How the processes of one training are started: one kind per way, all behind one small interface."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import List, Protocol

from .job import WorkerJob
from .parallel import strategy

PACKAGE = str(__package__)
ONCE, PREPARE = "--once", "--prepare"


class Launcher(Protocol):
    """What the worker's parent needs to know. Several hosts, or Slurm, would be another one."""

    @property
    def prepares(self) -> bool:
        """Whether the data is prepared in a process of its own before the others start."""

    def command(self, file: str) -> List[str]:
        """The argv that trains what the worker file says and ends when all of it has ended."""


@dataclass(frozen=True)
class Alone:
    """One process: no GPU, or one."""

    prepares: bool = False

    def command(self, file: str) -> List[str]:
        """The worker itself."""
        return worker(file, ONCE)


@dataclass(frozen=True)
class OneHost:
    """So many processes on this machine, by torchrun: it ends all of them when one ends badly."""

    processes: int
    prepares: bool = True

    def command(self, file: str) -> List[str]:
        """torchrun, which meets on the loopback address at a port that is free (`--standalone` asks for any): two
        jobs of a machine don't see each other.
        """
        # `-P`: the working folder stays off the import path.
        argv = [sys.executable, "-P", "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
        return [*argv, "--nproc-per-node", str(self.processes), *worker(file, ONCE)[1:]]


def launcher_for(job: WorkerJob) -> Launcher:
    """One process, or one per GPU. FSDP and DeepSpeed want torchrun's environment for a single one too."""
    if job.processes == 1 and strategy(job.recipe) == "ddp":
        return Alone()
    return OneHost(job.processes)


def worker(file: str, how: str) -> List[str]:
    """The worker as a process of its own."""
    return [sys.executable, "-m", PACKAGE, file, how]
