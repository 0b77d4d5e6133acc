"""GPUs of other makers: what their tools' documented answers are read as. None of it was tried on such a machine."""

from __future__ import annotations

from lt_agent.accelerators import ask_others, parse, visible
from lt_inventory.facts import devices

NPU = """
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip  Phy-ID              | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     Ascend910           | OK            | 170.1       36                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3416 / 65536         |
| 0     Ascend910           | OK            | -           36                0    / 0             |
| 1     1                   | 0000:9F:00.0  | 0           0    / 0          3195 / 65536         |
"""


def test_documented_answers_are_counted() -> None:
    rocm = '{"card1": {"VRAM Total Memory (B)": "200"}, "card0": {"VRAM Total Memory (B)": "100"}, "system": {}}'
    assert parse("rocm-smi", rocm) == parse("hy-smi", rocm) == [100, 200]
    assert parse("npu-smi", NPU) == [65536 << 20] * 2
    assert parse("ixsmi", "0, 32768\n1, 32768\n") == [32768 << 20] * 2
    assert parse("xpu-smi", '{"device_list": [{"device_id": 0}, {"device_id": 1}]}') == [0, 0]


def test_an_answer_that_is_not_understood_is_no_device() -> None:
    for tool in ("rocm-smi", "hy-smi", "npu-smi", "ixsmi", "xpu-smi"):
        for text in ("", "ERROR", "[1]", "{}", "null"):
            assert parse(tool, text) == []


def test_found_tools_are_told_with_what_they_say() -> None:
    there = {"rocm-smi": "/opt/rocm-smi", "cnmon": "/usr/bin/cnmon"}
    asked = []

    def ask(argv):  # type: ignore[no-untyped-def]
        asked.append(argv)
        return lambda: '{"card0": {"VRAM Total Memory (B)": "100"}}'

    found = ask_others(there.get, ask)()
    assert [argv[0] for argv in asked] == ["/opt/rocm-smi"]
    assert found == [
        {"kind": "cambricon", "tool": "cnmon", "count": None, "memory": []},
        {"kind": "amd", "tool": "rocm-smi", "count": 1, "memory": [100]},
    ]
    assert devices({"gpus": [], "accelerators": found}) == {"amd:0": 100}
    gpu = {"uuid": "GPU-1", "memory_total": 5}
    assert devices({"gpus": [gpu], "accelerators": found}) == {"GPU-1": 5}
    assert devices({"gpus": "?", "accelerators": [{"kind": "amd", "count": 10**9, "memory": None}]}).keys() == {
        f"amd:{index}" for index in range(64)
    }


def test_a_job_is_told_its_devices_in_its_makers_way() -> None:
    assert visible(["GPU-1", "GPU-2"]) == {"CUDA_VISIBLE_DEVICES": "GPU-1,GPU-2"}
    assert visible([]) == {"CUDA_VISIBLE_DEVICES": ""}
    assert visible(["amd:0", "amd:2"]) == {"HIP_VISIBLE_DEVICES": "0,2"}
    assert visible(["ascend:1"]) == {"ASCEND_RT_VISIBLE_DEVICES": "1"}
