"""列表、文件与曲线。"""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "written": "已写入：{path}",
    "disk_total": "共 {total}。",
    "disk_partial": "内容太多，半分钟内数不完：所列大小只是已数到的部分。",
}
