"""What the worker is asked while it runs (`control/stop.json`, `control/save.json`), and how all ranks agree on it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from lt_agent.protocol.files import read_json
from lt_agent.protocol.paths import AttemptPaths

from .failures import Stopped
from .job import say

_WATCH_SECONDS = 0.5


class Requests:
    """The requests that lie in `control/`. A save is asked for by a rising `seq`; each is answered once."""

    def __init__(self, paths: AttemptPaths) -> None:
        # Looked at in each step: as text, which is a tenth of the work.
        self._stop, self._save = os.fspath(paths.stop_request), os.fspath(paths.save_request)
        self._answered = 0

    def stop_asked(self) -> bool:
        """Whether this process sees a stop request (another rank may see it a moment later)."""
        return os.path.exists(self._stop)

    def agreed(self) -> tuple[bool, bool]:
        """(stop, save) as all ranks see it together: what one of them saw counts for all.

        A collective operation where ranks train together, so each rank calls it at the same points.
        """
        stop, seq = _most(int(self.stop_asked()), self._save_seq())
        save = seq > self._answered
        self._answered = max(self._answered, seq)
        return bool(stop), save

    def leave_if_asked(self) -> None:
        """Between the phases before training. Raises Stopped on all ranks if a stop was asked for."""
        if self.agreed()[0]:
            raise Stopped

    def _save_seq(self) -> int:
        if not os.path.exists(self._save):
            return 0
        try:
            value = read_json(Path(self._save))
            return int(value["seq"]) if value else 0
        except (ValueError, KeyError, TypeError):
            return 0


class EarlyLeave:
    """Ends the process as soon as a stop is asked for, while there is nothing to save yet.

    Importing, downloading and loading take minutes in which no code of ours runs. Once several ranks wait for each
    other, or training has begun, `disarm` it: from there they leave together.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="lt-early-leave", daemon=True)

    def arm(self) -> None:
        """Starts to watch."""
        self._thread.start()

    def disarm(self) -> None:
        """After this the process ends by its own means only. May be called again."""
        with self._lock:
            self._done.set()

    def _watch(self) -> None:
        while not self._done.wait(_WATCH_SECONDS):
            with self._lock:
                if not self._done.is_set() and self._requests.stop_asked():
                    say("stopped before the first step; nothing to save")
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(0)


def _most(*values: int) -> tuple[int, ...]:
    """Each value's maximum over all ranks; the values themselves where one process trains alone."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    if torch is None or distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return values
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    tensor = torch.tensor(values, dtype=torch.int64, device=device)
    distributed.all_reduce(tensor, op=distributed.ReduceOp.MAX)
    return tuple(int(value) for value in tensor.tolist())
