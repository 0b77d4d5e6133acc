"""GPUs of all makers: which there are, and how a job is told its own.

NVIDIA's are known by UUID. The others' tools are asked how many devices there are; these are leased by index. None of
that was tried on such machines: the forms of the answers are from the tools' documentation. Python 3.6 syntax, since
the text of this file also stands before the probe's when that is piped into an interpreter.
"""

import json
import os
import re
import subprocess
from typing import Any, Callable, Dict, List, Optional, Sequence

# tool -> (kind, what it is asked, the variable that shows a job its devices)
OTHERS: Dict[str, Any] = {
    "rocm-smi": ("amd", ["--showmeminfo", "vram", "--json"], "HIP_VISIBLE_DEVICES"),
    "hy-smi": ("hygon", ["--showmeminfo", "vram", "--json"], "HIP_VISIBLE_DEVICES"),
    "npu-smi": ("ascend", ["info"], "ASCEND_RT_VISIBLE_DEVICES"),
    "ixsmi": ("iluvatar", ["--query-gpu=index,memory.total", "--format=csv,noheader,nounits"], "CUDA_VISIBLE_DEVICES"),
    "xpu-smi": ("intel", ["discovery", "-j"], "ZE_AFFINITY_MASK"),
    "mx-smi": ("metax", [], ""),
    "cnmon": ("cambricon", [], ""),
}

_MOST = 64  # devices of one kind that are believed
_Ask = Callable[[Sequence[Optional[str]]], Callable[[], Optional[str]]]


def ask_others(which: Callable[[str], Optional[str]], ask: _Ask) -> Callable[[], List[Dict[str, Any]]]:
    """Asks the tools that are found; the function returned waits for them: `{kind, tool, count, memory}` each.

    `count` is null for a tool that is only recognised; `memory` has the bytes of each device, 0 where not known.
    """
    waits = []
    for tool in sorted(OTHERS):
        found, words = which(tool), OTHERS[tool][1]
        if found is not None:
            waits.append((tool, ask([found, *words]) if words else None))

    def answers() -> List[Dict[str, Any]]:
        told = []
        for tool, wait in waits:
            memory = parse(tool, (wait() or "") if wait is not None else "")
            count = len(memory) if wait is not None else None
            told.append({"kind": OTHERS[tool][0], "tool": tool, "count": count, "memory": memory})
        return told

    return answers


def parse(tool: str, text: str) -> List[int]:
    """The memory in bytes of each device in the tool's answer, by index; none for an answer that is not understood."""
    try:
        if tool in ("rocm-smi", "hy-smi"):
            cards = [(name, value) for name, value in json.loads(text).items() if re.match(r"card\d+$", name)]
            found = [_first_number(value) for _, value in sorted(cards, key=lambda item: int(item[0][4:]))]
        elif tool == "xpu-smi":
            found = [0 for _ in json.loads(text)["device_list"]]
        elif tool == "npu-smi":
            # The second line of each chip ends in its memory: `| 0  0 | 0000:9D:00.0 | 0  0 / 0  3416 / 65536 |`.
            found = [int(mb) << 20 for mb in re.findall(r"\|[^|]*[0-9A-Fa-f]{4}:[^|]*\|[^|]*/\s*(\d+)\s*\|", text)]
        else:
            found = [int(mb) << 20 for mb in re.findall(r"^\s*\d+\s*,\s*(\d+)", text, re.M)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    return found[:_MOST]


def devices() -> Dict[str, int]:
    """This machine's GPUs, by UUID or by kind and index, with their bytes of memory (0: not known), in order."""
    from .probe import GPU_QUERY, parse_gpus

    found = {gpu["uuid"]: gpu["memory_total"] or 0 for gpu in parse_gpus(_run(["nvidia-smi", *GPU_QUERY]))}
    if found:
        return found
    for tool, (kind, words, _) in sorted(OTHERS.items()):
        for index, memory in enumerate(parse(tool, _run([tool, *words])) if words else []):
            found[f"{kind}:{index}"] = memory
    return found


def visible(gpus: Sequence[str]) -> Dict[str, str]:
    """The environment variables that show a job these devices and no other; of none, NVIDIA's are hidden."""
    kinds = {gpu.partition(":")[0] for gpu in gpus if re.match(r"[a-z]+:\d+$", gpu)}
    if len(kinds) != 1 or any(":" not in gpu for gpu in gpus):
        return {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}
    kind = kinds.pop()
    names = {name for of_kind, _, name in OTHERS.values() if of_kind == kind and name}
    return {name: ",".join(gpu.partition(":")[2] for gpu in gpus) for name in names}


def _first_number(card: Dict[str, Any]) -> int:
    total = [value for name, value in card.items() if "Total Memory" in name]
    digits = re.match(r"\s*(\d+)", str(total[0])) if total else None
    return int(digits.group(1)) if digits else 0


def _run(argv: List[str]) -> str:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=10,
            text=True,
            env=dict(os.environ, LC_ALL="C"),
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout if done.returncode == 0 else ""
