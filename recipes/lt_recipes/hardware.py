"""Which build of torch a host's driver and GPUs can run. Pure functions over the facts that the probe collected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Version = tuple[int, ...]


class NoEnvironmentError(Exception):
    """No environment fits this host; `code` and `params` say why, for `LtError(code, **params)` to be worded."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code, params)
        self.code, self.params = code, params

    def __str__(self) -> str:
        return self.code + "".join(f" {key}={value!r}" for key, value in self.params.items())


@dataclass(frozen=True)
class Backend:
    """A CUDA build of torch. It runs on drivers of its CUDA's major version and newer (NVIDIA's minor version
    compatibility, https://docs.nvidia.com/deploy/cuda-compatibility/), and on GPUs within its compute capabilities.
    """

    name: str  # uv's --torch-backend
    cuda: Version
    driver: str  # the oldest that runs it
    lowest: float  # compute capability
    highest: float


# What torch 2.13 publishes (https://github.com/pytorch/pytorch/blob/main/RELEASE.md), less the experimental 13.2.
# CUDA 13 left out Maxwell, Pascal and Volta; the build for 12.6 came before Blackwell.
BACKENDS: tuple[Backend, ...] = (
    Backend("cu130", (13, 0), "580.65.06", 7.5, 99.0),
    Backend("cu126", (12, 6), "525.60.13", 5.0, 9.0),
)
_BLACKWELL_SINCE: Version = (12, 8)  # the first CUDA that knows compute capability 10 and 12

_CAPABILITIES: tuple[tuple[str, float], ...] = (
    (r"\bGB?[23]00\b|\bB[1-3]00\b|\bGB10\b|\bBlackwell\b|\bRTX 50[5-9]0\b", 10.0),
    (r"\bH[128]00\b|\bH20\b|\bGH200\b", 9.0),
    (r"\bT4G?\b|\bRTX 20[5-8]0\b|\bGTX 16[3-6]0\b|\bTITAN RTX\b|\bQuadro RTX [3-8]000\b|\bT(4|5|6|10|12|20)00\b", 7.5),
    (r"\bV100|\bTITAN V\b|\bGV100\b", 7.0),
    (r"\bP100\b|\bP[46]\b|\bP40\b|\bGTX 10[5-8]0\b|\bTITAN Xp?\b|\bQuadro P\d|\bGP100\b|\bP10[26]-", 6.0),
    (r"\bM(4|6|10|40|60)\b|\bGTX (9[5-8]0|750)\b|\bQuadro M\d|\bTITAN X \(Maxwell\)", 5.0),
    (r"\bK(20|40|80)[mcx]?\b|\bGTX (6|7)\d0\b|\bTITAN (Black|Z)\b", 3.5),
)


def version(text: Any) -> Version:
    """The leading numbers of a version: `2.6.0a0+df5bbc0` is (2, 6, 0). NVIDIA's images call finished builds alphas."""
    found = re.match(r"\s*v?(\d{1,9}(?:\.\d{1,9})*)", str(text or ""))
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def within(found: Any, bounds: str) -> bool:
    """Whether a version lies in `>=2.6,<3`."""
    have = version(found)
    if not have:
        return False
    for bound in bounds.split(","):
        operator, limit = re.match(r"(>=|<|==)(.+)", bound.strip()).groups()  # type: ignore[union-attr]
        want = version(limit)
        size = max(len(have), len(want))
        left, right = have + (0,) * (size - len(have)), want + (0,) * (size - len(want))
        if not {">=": left >= right, "<": left < right, "==": left == right}[operator]:
            return False
    return True


def driver_cuda(facts: Mapping[str, Any]) -> Version:
    """The newest CUDA that the host's driver runs; () if there is no driver or nobody knows."""
    said = version(facts.get("cuda"))
    if said:
        return said
    driver = version(facts.get("driver"))
    for backend in BACKENDS:
        if driver and driver >= version(backend.driver):
            return (backend.cuda[0], 0)
    return (11, 0) if driver else ()


def capability(gpu: Mapping[str, Any]) -> float | None:
    """A GPU's compute capability, as far as its name tells (`compute_cap` itself where the probe has it)."""
    said = version(gpu.get("compute_cap"))
    if said:
        return float(".".join(map(str, said[:2])))
    for pattern, value in _CAPABILITIES:
        if re.search(pattern, str(gpu.get("name") or ""), re.IGNORECASE):
            return value
    return None


def torch_backend(facts: Mapping[str, Any], gpus: int, backends: Sequence[Backend] = BACKENDS) -> str:
    """The build of torch to install: `cpu`, or the newest CUDA that the driver runs and all GPUs know.

    Raises NoEnvironmentError `driver_too_old{driver, cuda, needed}`, `gpu_mix{gpus}`, `gpu_too_old{gpu}`,
    `accelerator_unsupported{kind}`.
    """
    found = facts.get("gpus") or []
    if gpus < 1:
        return "cpu"
    if not found:
        others = facts.get("accelerators") or []
        if others:
            raise NoEnvironmentError("accelerator_unsupported", kind=str(others[0].get("kind", "?")))
        return "cpu"
    known = [value for value in map(capability, found) if value is not None]
    fitting = [b for b in backends if all(b.lowest <= value <= b.highest for value in known)]
    if not fitting:
        if min(known) < min(b.lowest for b in backends):
            name = next(gpu["name"] for gpu in found if capability(gpu) == min(known))
            raise NoEnvironmentError("gpu_too_old", gpu=name)
        raise NoEnvironmentError("gpu_mix", gpus=", ".join(sorted({str(gpu.get("name")) for gpu in found})))
    driver = driver_cuda(facts)
    running = [b for b in fitting if not driver or driver[0] >= b.cuda[0]]
    if not running:
        needed = min((b.driver for b in fitting), key=version)
        cuda = ".".join(map(str, driver))
        raise NoEnvironmentError("driver_too_old", driver=str(facts.get("driver") or "?"), cuda=cuda, needed=needed)
    return max(running, key=lambda b: b.cuda).name


def torch_works(python: Mapping[str, Any], facts: Mapping[str, Any], gpus: int) -> bool:
    """Whether the torch in an interpreter (as the probe describes it) can use what the host has."""
    if "torch" not in (python.get("packages") or {}):
        return False
    found = facts.get("gpus") or []
    if gpus < 1 or not found:
        # Without a GPU, or on one that is not NVIDIA's: whoever put torch there knows what it is for.
        return True
    cuda, driver = version(python.get("cuda")), driver_cuda(facts)
    if not cuda or (driver and driver[0] < cuda[0]):
        return False
    for value in map(capability, found):
        if value is not None and ((value >= 10 and cuda < _BLACKWELL_SINCE) or (value < 7.5 and cuda >= (13,))):
            return False
    return True
