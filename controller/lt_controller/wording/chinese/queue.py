"""Chinese: the line of a host, retries, what a job asks of its host."""

from __future__ import annotations

WAITS: dict[str, str] = {
    "turn": "前面还有 {ahead} 个任务[，其中 {others} 个是别人的]",
    "slot": "等待空位：此处同时运行 {there} 个",
    "gpus": "等待 {wanted} 块 GPU：{there} 块中 {free} 块空闲",
    "gpu_memory": "等待 {wanted} 块显存 {memory:size} 的 GPU：{free} 块空闲",
    "foreign": "等待 {wanted} 块 GPU：{gpus} 被 lt 之外的程序占用",
    "cpus": "等待 {wanted} 个 CPU 核：{there} 个中 {free} 个空闲",
    "disk": "等待磁盘空间 {wanted:size}：剩余 {free:size}",
    "retry": "[{left:time} 后]重试，上次：{reason}",
}

ERRORS: dict[str, tuple[str, str]] = {
    "bad_priority": ("优先级是 -{most} 到 {most} 的整数，不是 {value}。", "lt priority JOB 10"),
    "bad_size": ("{value} 不是大小；请写 24GiB 或 500MB。", "lt run HOST --gpu-memory 24GiB -- COMMAND …"),
    "not_enough_cpus": ("{host} 有 {there} 个 CPU 核，任务要求 {asked} 个。", "lt host show {host}"),
    "not_enough_gpu_memory": (
        "{host} 没有 {wanted} 块显存达到 {asked:size} 的 GPU：最大为 {there:size}。",
        "lt estimate RECIPE --host {host} 查看配方所需",
    ),
    "not_enough_disk": (
        "{host} 的磁盘总共 {there:size}，任务要求 {asked:size}。",
        "lt host edit {host} --root DIR，换到更大的磁盘",
    ),
}

REASONS: dict[str, str] = {
    "not_enough_cpus": "主机的 CPU 核少于任务要求",
    "not_enough_gpu_memory": "主机没有显存达到要求的 GPU",
    "not_enough_disk": "主机磁盘小于任务要求",
    "not_enough_gpus": "主机的 GPU 少于任务要求",
}

EVENTS: dict[str, str] = {
    "retry": "[{wait:time} 后]将重试（第 {try_number} 次）[，从 {name} 继续]",
}

PHRASES: dict[str, str] = {
    "done_priority": "{what}：立即生效",
}
