"""Chinese: leases that end."""

from __future__ import annotations

EVENTS: dict[str, str] = {
    "lease_save": "租期还有 {left:time} 结束：已要求保存检查点",
    "lease_collect": "租期还有 {left:time} 结束：正在收集要取回的文件",
    "lease_saved": "{name}[（第 {step} 步）]已在 {host} 租期结束前取回；任务会继续运行到那时",
    "lease_short": "{host} 的租期还有 {left:time} 结束，而任务还需要 {needs:time}",
    "lease_over": "{host} 的租期已结束；已取回的是 {name}[（第 {step} 步）]",
    "lease_unsaved": "{host} 的租期已结束；这个任务没有任何内容被取回",
}

PHRASES: dict[str, str] = {
    "lease_too_short": "{host} 的租期还有 {left:time} 结束[，而任务需要 {needs:time}]",
    "lease_is_over": "{host} 的租期已在 {ago:time} 前结束",
    "lease_hint": "如果已续租：lt host edit {host} --until TIME",
}
