"""列表、文件与曲线。"""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "written": "已写入：{path}",
    "driver_of": "驱动 {driver}",
    "disk_free": "{path} 剩余 {free:size}，共 {total:size}",
    "plan_head": "{name}，主机 {host}[，GPU {gpus} 块]",
    "plan_env": "环境：{kind} {python}[（{reason}）]",
    "plan_size": "最多需发送：{size:size}",
    "plan_home": "取回：{what}",
    "plan_nothing": "无",
    "plan_existing": "直接使用",
    "plan_overlay": "补充所缺，基于",
    "plan_locked": "由 uv 新建，基于",
    "host_next": "下一步：lt submit {host} tiny-sft --follow 在那里训练一个极小的模型；lt recipe ls 列出配方。",
    "follow_look": "lt logs {job}，lt show {job}",
    "doctor_free": "{path}（剩余 {free:size}）",
    "doctor_jobs": "{path}（{count} 个任务）",
    "doctor_room": "腾出空间",
    "doctor_rsync": "apt install rsync 或 brew install rsync；没有它文件传输会更慢",
    "doctor_sshd": "apt install openssh-server，lt demo 即可经由真实的 SSH",
    "doctor_training": "只有 lt demo 和主机 local 需要：pip install 'labtrain[train]'，或 make demo",
    "controller_connected": "已连接",
    "disk_total": "共 {total}。",
    "disk_partial": "内容太多，半分钟内数不完：所列大小只是已数到的部分。",
}
