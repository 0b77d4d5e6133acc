"""审计记录的中文说法。"""

from __future__ import annotations

WHYS: dict[str, str] = {
    "audit_changed": "内容与写入时不同",
    "audit_unchained": "与前一行接不上",
    "audit_missing": "它前面缺了一行",
    "audit_planted": "它前面被塞进了一行",
}

ERRORS: dict[str, tuple[str, str]] = {
    "audit_not_written": ("无法写入 {path}：{why}。", "lt audit --export csv FILE，换一个文件"),
}

PHRASES: dict[str, str] = {
    "audit_empty": "审计记录里没有这样的操作。",
    "audit_more": "以上是最新的 {shown} 条；lt audit -n 0 显示全部。",
    "audit_exported": "{rows} 行已写入 {path}。",
    "audit_whole": "共 {rows} 行，都没有被改过。链头如下，请记在别处：",
    "audit_broken": "第 {row} 行与写入时不符：{why}。从这一行起的记录不足为凭。",
    "audit_cut": "链头 {head} 已不在：末尾的行被去掉了，或者整个记录被重写过。",
}
