"""中文：训练进程与加速内核。"""

from __future__ import annotations

REASONS: dict[str, str] = {
    "rank_died": "有一个训练进程被杀死或崩溃",
}

EVENTS: dict[str, str] = {
    "not_used": "未使用 {what}[：{why}]；训练照常继续，但会更慢或占用更多显存",
}

WHYS: dict[str, str] = {
    "not_installed": "任务环境中没有安装",
    "no_gpu": "任务没有 GPU",
}
