"""What the job and the machine use, measured every few seconds into `samples.jsonl`."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from .prepare import free_bytes
from .procs import descendants
from .protocol.files import append_line
from .protocol.paths import AttemptPaths
from .usage import Usage


class Sampler:
    """Measures one job. Imports psutil and NVML at the first sample, so that a short job never pays for them.

    `gpus` are the UUIDs granted; `gpu0` is the first of them. What can't be measured is left out, and
    `samples_unavailable{what}` says so once.
    """

    def __init__(
        self, attempt: AttemptPaths, gpus: Sequence[str], on_event: Callable[..., None], all_gpus: Sequence[str] = ()
    ) -> None:
        """`all_gpus` are those of the machine, for how busy it is as a whole (`host/gpu`)."""
        self._attempt = attempt
        self._host = Usage(attempt.path, all_gpus if gpus else ())  # a job without a GPU wakes no driver
        self._gpu_uuids = gpus
        self._on_event = on_event
        self._started = time.monotonic()
        self._psutil: Any = None
        self._nvml: Any = None
        self._handles: list[Any] = []
        self._known: dict[int, Any] = {}
        self._ready = False

    def sample(self) -> dict[str, Any]:
        """Measures, appends the line, and returns it. The first one has no CPU: that is a difference of two."""
        if not self._ready:
            self._ready = True
            self._open()
        line: dict[str, Any] = {"step": int(time.monotonic() - self._started), "time": time.time()}
        with contextlib.suppress(OSError):
            line["sys/log"] = os.stat(self._attempt.log).st_size  # when each part of the log was there: it has no clock
        line["sys/disk_free"] = free_bytes(self._attempt.path)
        if self._psutil is not None:
            line["sys/mem_free"] = self._psutil.virtual_memory().available
            line.update(self._tree())
        for number, handle in enumerate(self._handles):
            line.update(self._gpu(number, handle))
        line.update({f"host/{name}": value for name, value in self._host.read().items()})
        with contextlib.suppress(OSError):
            append_line(self._attempt.samples, line)
        return line

    def _open(self) -> None:
        try:
            import psutil

            self._psutil = psutil
        except ImportError:
            self._on_event("samples_unavailable", what="psutil")
        if not self._gpu_uuids:
            return
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
            self._handles = [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in self._gpu_uuids]
        except Exception as error:  # of NVML's own making, and the library may be absent: no reason to end a training
            self._on_event("samples_unavailable", what="gpu", why=f"{type(error).__name__}: {error}")

    def _tree(self) -> dict[str, Any]:
        """CPU (percent of one core) and resident memory of all that the job runs."""
        psutil = self._psutil
        found: dict[int, Any] = {}
        cpu, rss, fresh = 0.0, 0, not self._known
        for pid in descendants(os.getpid()):
            try:
                process = self._known.get(pid)
                if process is None or not process.is_running():
                    process = psutil.Process(pid)
                cpu += process.cpu_percent(None)
                rss += process.memory_info().rss
                found[pid] = process
            except psutil.Error:
                continue
        self._known = found
        return {"sys/rss": rss} if fresh else {"sys/rss": rss, "sys/cpu": round(cpu, 1)}

    def _gpu(self, number: int, handle: Any) -> dict[str, Any]:
        nvml = self._nvml
        line: dict[str, Any] = {}
        questions: dict[str, Callable[[], float]] = {
            "util": lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
            "mem": lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used,
            "temp": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            "power": lambda: round(nvml.nvmlDeviceGetPowerUsage(handle) / 1000, 1),
        }
        for name, ask in questions.items():
            with contextlib.suppress(nvml.NVMLError):  # a virtual GPU answers only some of these
                line[f"gpu{number}/{name}"] = ask()
        return line
