"""中文：通知。"""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "notify_invalid": ("{path} 中关于 notify 的设置现在无法使用：", "修改这些行；示例见 docs/notify.md"),
    "notify_none": ("{path} 中没有 {table}，不会通知任何人。", "各种渠道的示例见 docs/notify.md"),
    "no_such_channel": ("config.toml 中没有渠道 {name}[；已有：{known}]。", "lt notify ls"),
    "notify_no_secret": (
        "它需要密钥 {names}，但钥匙串中没有，控制器也不知道。",
        "逐个运行 lt secret set NAME，或先 export 再运行 lt notify test",
    ),
    "notify_not_https": ("{host} 的地址是秘密，却不是 https：会在网络上明文传输。", "请用它的 https:// 地址"),
    "notify_bad_address": ("作为地址的密钥并不是以 https:// 开头的地址。", "lt secret set NAME，填入完整地址"),
    "notify_unreachable": ("连不上 {host}：{why}。", "网络恢复后运行 lt notify test"),
    "notify_slow": ("{seconds} 秒内没有回应。", "lt notify test"),
    "notify_refused": ("{host} 回应 {status}[：{answer}]。", "检查地址与密钥；lt notify test"),
    "notify_no_program": ("这台机器上没有程序 {program}。", "安装它，或改用其他渠道"),
    "notify_command_failed": ("{program} 失败：{why}。", "手动运行它，并把事件作为输入"),
    "notify_fault": ("lt 自身出错（{why}）。", "lt doctor"),
}

PHRASES: dict[str, str] = {
    "notify_succeeded": "lt：{job} 在 {host} 上成功",
    "notify_failed": "lt：{job} 在 {host} 上{state}[：{why}]",
    "notify_stopped": "lt：{job} 在 {host} 上被停止",
    "notify_lost": "lt：{job} 在 {host} 上丢失[：{why}]",
    "notify_retry": "lt：{job} 在 {host} 上{state}[：{why}]；将自动重试[（第 {try} 次）]",
    "notify_event": "lt：{host} 上的 {job}：{what}",
    "notify_lease": "lt：{host} 的租期将在 {left:time} 后结束（{until}）",
    "notify_unreachable": "lt：{host} {state}已有 {seconds:time}；上面有你的 {jobs} 个任务，没有证据表明它们出了问题",
    "notify_ago": "（{age:time} 前）",
    "notify_many": "lt：发生了 {count} 件事：{told}",
    "notify_more": "……还有 {count} 件",
    "notify_kind_succeeded": "成功",
    "notify_kind_failed": "失败",
    "notify_kind_stopped": "被停止",
    "notify_kind_lost": "丢失",
    "notify_kind_retry": "自动重试",
    "notify_kind_stall": "没有进展",
    "notify_kind_sign": "值得留意",
    "notify_kind_lease": "租期将尽",
    "notify_kind_unreachable": "主机失联",
    "notify_details": "[{recipe}][ · 用时 {took}][ · 步 {step}][/{total}][ · 第 {attempt} 次]",
    "notify_look": "lt show {job} · lt logs {job}",
    "notify_look_lease": "lt drain {host} 把一切取回",
    "notify_look_host": "lt host check {host}",
    "notify_test_title": "lt：这是一条测试消息",
    "notify_test_text": "{laptop} 的渠道 {channel} 可用。",
    "notify_told": "{name} 已收到。",
    "notify_no_channels": "{path} 中没有 {table}，不会通知任何人。想在本机桌面弹窗：\n\n"
    "    {line}\n\nSlack、飞书、钉钉等见 docs/notify.md。",
    "notify_is_pending": "等待中",
    "notify_is_sent": "已通知",
    "notify_is_failed": "已放弃",
    "notify_is_dropped": "渠道已移除",
}
