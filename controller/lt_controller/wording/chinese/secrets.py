"""机密值的中文说法。"""

from __future__ import annotations

REASONS: dict[str, str] = {
    "needs_secret": "需要再次给出机密值：lt secret give JOB",
    "secret_gone": "启动时机密值已不在",
}

WAITS: dict[str, str] = {"needs_secret": "缺 {names}：lt secret give JOB"}

EVENTS: dict[str, str] = {
    "needs_secret": "等待 {names}：lt secret give JOB",
    "secrets_here": "等待的值已到：{names}",
}

ERRORS: dict[str, tuple[str, str]] = {
    "secret_missing": ("环境变量和系统钥匙串里都没有 {names}。", "lt secret set {names}"),
    "bad_secret_name": (
        "{name} 不能作机密值的名字：只用字母、数字和下划线，且不能是决定程序如何运行的变量。",
        "按程序要求的名字写，如 HF_TOKEN",
    ),
    "bad_secret": ("{name} 的值为空，或不是文本。", "lt secret set {name}"),
    "no_such_secret": ("钥匙串里没有 {name}[；现有：{known}]。", "lt secret ls"),
    "secrets_of_host": (
        "任务 {job} 只是主机 {host} 自己报告的，它说需要 {names}；本机没有人指定过它们。",
        "lt secret give {job} NAME … 只给出你点名的那些",
    ),
    "no_secrets": ("任务 {job} 没有要求机密值[：{names}]。", "lt run HOST --secret NAME，或在配方里写 secrets: [NAME]"),
    "secret_in_plain": (
        "{name} 的值写在命令或配方里，谁都能读到。没有提交任何东西。",
        "把它从那里去掉：任务的环境变量里有 ${name}",
    ),
    "no_keyring_for_secrets": (
        "本机没有能安全保存 {name} 的钥匙串[：{why}]。没有保存任何东西。",
        "随命令给出：read -rs {name}; export {name}; lt submit …",
    ),
    "secrets_not_taken": ("主机没有收下任务 {job} 的机密值[：{why}]。", "lt secret give {job}"),
    "secret_gone": ("任务启动时机密值 {names} 已不在。", "lt resume {job}"),
}

PHRASES: dict[str, str] = {
    "secret_kept": "{name} 已存入钥匙串。",
    "secret_removed": "{name} 已从钥匙串中去掉。",
    "secret_none": "没有保存机密值。lt secret set NAME 可存入系统钥匙串。",
    "secret_given": "已把 {names} 交给 {job}。",
    "secret_from_environment": "环境变量",
    "secret_from_keyring": "钥匙串",
}
