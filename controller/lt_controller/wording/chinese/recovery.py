"""Chinese: whose a job is, and a database that is rebuilt."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "not_your_job": (
        "任务 {job} 不属于这台电脑[：它属于 {by}]。",
        "lt adopt {job} 接管它；另一台电脑会得到通知，不再过问",
    ),
    "owner_changed": ("任务 {job} 刚刚被别人接管[：{by}]。", "lt adopt {job} 仍可接管"),
    "job_adopted": ("任务 {job} 仍在进行，但已不归这里管：已被[ {by} ]接管。", "lt adopt {job} 可收回"),
    "job_elsewhere": ("{host} 上出现任务 {job}，但已知它在 {other} 上；没有接管。", "lt show {job}"),
    "database_damaged": (
        "数据库 {path} 已损坏[：{why}]。",
        "lt recover --home 把它放到一边，并用已取回的内容重建；然后对每台主机运行 lt recover HOST",
    ),
    "home_busy": ("{path} 的控制器没有退出，现在无法重建数据库。", "lt controller stop，然后再试一次"),
    "job_folder_missing": (
        "{host} 上已没有任务 {job} 的文件夹：它被删除了，或者磁盘没有挂载。",
        "挂载磁盘后一切照常继续；lt rm {job} --discard 可忘掉这个任务",
    ),
    "manifest_unreadable": ("主机上 {name} 的文件清单无法读取，因此不会取回。", ""),
    "manifest_too_large": (
        "{name} 的文件太多（约十万个以上），一份清单放不下，因此不会取回。",
        "让命令把它们打包，或用 --pull 少选一些",
    ),
    "recover_what": ("从哪里恢复？", "lt recover HOST，或 lt recover --home"),
    "recover_failed": ("无法读回已取回的内容[：{why}]。", "详情见 {log}"),
}

EVENTS: dict[str, str] = {
    "adopted": "已被[ {by} ]接管",
    "recovered": "已从 {host} 上的文件恢复",
}

PHRASES: dict[str, str] = {
    "database_aside": "损坏的数据库已放到一边：{path}",
    "recovered_host": "{host}：这台电脑的任务 {found} 个，其中 {fresh} 个是新恢复的[，{live} 个尚未结束]。",
    "recovered_home": "{jobs} 个任务，其中 {fresh} 个是新恢复的；{checkpoints} 个检查点在本地，均已校验。",
    "recovered_flows": "{sweeps} 个扫描和 {pipelines} 个流水线已恢复，处于停止状态："
    "lt sweep resume NAME 和 lt pipeline resume NAME 可继续。",
    "recovered_next": "日志、指标和检查点正在取回；lt ps -a 可查看。",
    "recovered_bad": "未读取：{path}（{why}）",
    "others_there": "那里有 {count} 个任务属于其他电脑；lt adopt JOB 可接管其中之一：",
    "adopted_away": "已被 {by} 接管",
    "adopted_now": "{job} 现在归这台电脑；lt logs {job} -f",
    "recover_waits": "{host} 现在{state}[：{why}]；它应答后再恢复。",
    "looking_home": "正在读取已取回的内容 …",
}
