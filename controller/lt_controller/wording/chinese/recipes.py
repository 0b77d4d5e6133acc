"""配方：运行时的提示、配方中的问题、所需资源。"""

EVENTS = {
    "tracker_missing": "{python} 中没有安装 {tracker}，不会向它上报。写进 env.packages 即可安装",
    "tracker_failed": "{tracker} 出错，之后不再向它上报；lt 自己的指标是完整的：{why}",
}

PHRASES = {
    "estimate_total_cpu": "在 CPU 上 {total}，不含 Python 及其依赖；共 {parameters} 个参数，训练其中 {trained} 个",
    "estimate_no_past": "还没有同类任务成功过：所需时间未知[；共 {steps} 步]。",
    "estimate_peak": "实测：{host} 上的 {job} 峰值为 {peak:size}[，"
    "分配器占用 {reserved:size}][；照此类任务推算，本次约需 {calibrated:size}]。",
    "estimate_step_time": "时间：按 {host} 上的 {job}，每步 {per_step:.3g} 秒，"
    "首步之前 {start_up:time}。数据不在本机，步数未知。",
    "estimate_time": "时间：{steps} 步约需 {seconds:time}，"
    "每步 {per_step:.3g} 秒，依据 {host} 上的 {job}[。费用：约 {cost}，单价 {price}/小时]。",
}
