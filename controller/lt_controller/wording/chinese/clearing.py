"""Chinese: making room on a host."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "done_clear": "{what}：已在那里删除",
    "gc_home": "可以删除：全部已取回",
    "gc_unused": "可以删除：没有任务使用",
    "gc_leftover": "可以删除：残留",
    "gc_used": "正在使用，或刚刚用过",
    "gc_alive": "尚未结束",
    "gc_not_home": "未全部取回：lt pull",
    "gc_not_ours": "属于另一台电脑",
    "gc_would": "{count} 项（{size:size}）可以删除：lt gc {host} --yes",
    "gc_done": "{host}：删除了 {count} 项，{size:size}。",
    "gc_nothing": "{host} 上没有可以删除的东西。",
}
