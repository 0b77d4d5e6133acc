"""Chinese: what hosts were and cost."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "cpu_cores": "{count} 个 CPU",
    "cost_nothing": "这段时间没有运行过任务，也没有主机定过价：用 lt host edit HOST --price 1.9/h 写明价格。",
    "cost_unpriced": "其中 {hours} 小时的价格未知；lt host edit HOST --price 1.9/h 从现在起写明价格。",
    "cost_of_job": "{cost:.2f}（占用主机 {seconds:time}）",
    "host_periods": "至今 {count} 段：lt host history {host}",
    "usage_of": "{host} 的利用率，{first} 至今",
    "usage_day": "最近一天，百分比",
    "stats_nothing": "这段时间没有提交过任务。",
    "cost_idle": "空闲",
    "cost_total": "合计",
    "cost_one_day": "第二天起才有可画的内容。",
    "cost_of_days": "任务：{total}，按日，{first} 至 {last}",
    "cost_of_idle": "空闲：{total}，按日，{first} 至 {last}",
}
