"""Chinese: the end of a rented box."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "host_drained": ("{host} 已排空，不再接受新任务。", "lt drain {host} --undo"),
    "host_retired": ("{host} 已退役，不再接受新任务。", "如果它回来了：lt host retire {host} --undo"),
    "host_not_home": (
        "有 {count} 个检查点只在 {host} 上：{checkpoints}。",
        "lt drain {host} 把它们取回；--force 则放弃它们",
    ),
    "checkpoint_not_home": (
        "{job} 的检查点 {name} 还没有取回，它在 {host} 上。",
        "lt pull {job} {name} --wait 把它取回",
    ),
    "input_stays_behind": (
        "{job} 读取 {path}，那是另一个任务在 {host} 上生成的。",
        "用 job:NAME 重新提交，它会从本地取",
    ),
}

REASONS: dict[str, str] = {"host_retired": "其主机已被放弃", "no_host_fits": "没有合适的主机"}

EVENTS: dict[str, str] = {
    "host_retired": "随主机 {host} 一起被放弃",
    "relocated": "改在 {host} 继续，不再在 {origin}[，从 {name} 开始]",
}

WAITS: dict[str, str] = {
    "elsewhere": "{host} 已放弃，等待到其他主机（{asked}）继续[；{left:time} 后再找][：{reason}]",
}

PHRASES: dict[str, str] = {
    "done_relocate": "{what}：从本地已有的检查点在那里继续",
    "host_open": "{host} 重新接受任务。",
    "host_given_up": "{host} 已退役；那里没有结束的任务：{count} 个。",
    "go_on_elsewhere": "{job} 可以在别处继续：lt resume {job} --on HOST",
    "goes_on_by_itself": "{job} 会自动在 {asked} 中最合适的主机上继续：lt show {job}",
    "goes_on": "{job} 在 {host} 继续",
    "drain_left": "{host}：{jobs} 个任务未停，{checkpoints} 个检查点未取回",
    "drain_away": "{why}：{host} 恢复连接后继续；若它已不在：lt host retire {host}",
    "may_go": "{host} 可以归还：那里没有任务在运行，{checkpoints} 个检查点（{size:size}）已取回并校验。",
    "may_not_go": "{host} 还不能归还：{jobs} 个任务未停，{checkpoints} 个检查点只在它上面。",
}
