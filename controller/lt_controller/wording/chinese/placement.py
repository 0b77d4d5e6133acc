"""Chinese: which host a job goes to, and why not to the others."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "no_host_meant": (
        "{asked} 没有对应的主机[；现有标签：{labels}]。",
        "lt host ls 列出全部主机；lt host add 添加主机",
    ),
    "no_host_fits": ("{asked} 所指的主机都无法接受此任务。", "lt host ls，或直接指定其中一台"),
    "job_has_begun": ("任务 {job} 已经开始，因此留在原处。", "lt show {job}"),
}

REASONS: dict[str, str] = {"moved": "已移到另一台主机"}

EVENTS: dict[str, str] = {"moved": "从 {origin} 移到 {host}，在那里可以更早开始"}

PHRASES: dict[str, str] = {
    "placed": "{host}：{why}[；未选：{others}]",
    "placed_more": "等另外 {count} 台",
    "rank_fits": "{slots} 个位置空闲 {free} 个[，排队 {line} 个][，每块 GPU {memory:size}][，{price}/小时]"
    "[，剩余 {left} 小时][，需发送 {send:size}]",
    "rank_asked": "{number}. {host}：{why}",
    "rank_over": "–  {host}：{why}",
    "over_host_drained": "已排空",
    "over_host_retired": "已退役",
    "over_host_is_unreachable": "无法连接",
    "over_host_is_refused": "拒绝登录",
    "over_host_is_needs_login": "等待登录",
    "over_host_never_seen": "从未连接过",
    "over_lease_over": "租期已过",
    "over_lease_too_short": "租期还剩 {left} 小时，需要 {hours} 小时",
    "over_too_few_gpus": "有 {there} 块 GPU，需要 {asked} 块",
    "over_gpu_too_small": "每块 GPU {there:size}，需要 {asked:size}",
    "over_too_few_cpus": "有 {there} 个 CPU 核，需要 {asked} 个",
    "over_disk_too_small": "磁盘剩余 {there:size}，需要 {asked:size}",
}
