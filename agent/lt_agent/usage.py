"""How busy the whole machine is, in percent: for the history that a laptop keeps of its hosts.

In a container `cpu` and `memory` are those of the machine around it, as the kernel shows them there.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Sequence


class Usage:
    """Measures a machine again and again. `gpus` are the UUIDs of all its GPUs; none: it is not asked for any.

    What can't be measured is left out. NVML may hang with its driver: call `read` where that holds up nobody.
    """

    def __init__(self, path: Path, gpus: Sequence[str] = ()) -> None:
        """`path` lies on the disk that is meant; it need not exist yet."""
        self._path = path
        self._uuids = gpus
        self._nvml: Any = None
        self._handles: list[Any] | None = None
        self._ticks: tuple[int, int] | None = None

    def read(self) -> dict[str, float]:
        """`cpu`, `memory`, `disk`, and means over all GPUs: `gpu`, `gpu_memory`. The first has no cpu: it is a rate."""
        found: dict[str, float] = {}
        for measure in (self._cpu, self._memory, self._disk, self._gpu):
            with contextlib.suppress(OSError, ValueError, KeyError, IndexError, ZeroDivisionError):
                found.update(measure())
        return {name: round(value, 1) for name, value in found.items()}

    def _cpu(self) -> dict[str, float]:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        idle, total = ticks[3] + ticks[4], sum(ticks)  # idle and waiting for a disk, of all cores
        before, self._ticks = self._ticks, (idle, total)
        if before is None or total <= before[1]:
            return {}
        return {"cpu": 100 * (1 - (idle - before[0]) / (total - before[1]))}

    def _memory(self) -> dict[str, float]:
        with open("/proc/meminfo", encoding="ascii") as file:
            sizes = {line.split(":")[0]: int(line.split()[1]) for line in file}
        return {"memory": 100 * (1 - sizes["MemAvailable"] / sizes["MemTotal"])}

    def _disk(self) -> dict[str, float]:
        path = self._path
        while not path.exists():
            path = path.parent  # the root is made by the first job; its disk is there before
        info = os.statvfs(path)
        return {"disk": 100 * (1 - info.f_bavail / info.f_blocks)}

    def _gpu(self) -> dict[str, float]:
        nvml = self._open()
        if nvml is None or not self._handles:
            return {}
        util, memory = [], []
        for handle in self._handles:
            with contextlib.suppress(nvml.NVMLError):  # a virtual GPU answers only some of these
                info = nvml.nvmlDeviceGetMemoryInfo(handle)
                memory.append(100 * info.used / info.total)
                util.append(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        means = {"gpu": util, "gpu_memory": memory}
        return {name: sum(values) / len(values) for name, values in means.items() if values}

    def _open(self) -> Any:
        if self._handles is None:
            self._handles = []
            uuids = [uuid for uuid in self._uuids if uuid.startswith(("GPU-", "MIG-"))]
            if uuids:
                with contextlib.suppress(Exception):  # of NVML's own making; the library may be absent
                    import pynvml

                    pynvml.nvmlInit()
                    self._handles = [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
                    self._nvml = pynvml
        return self._nvml
