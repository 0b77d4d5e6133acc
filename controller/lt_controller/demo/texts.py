"""What the demo says, in English and Chinese."""

from __future__ import annotations

from typing import Any

TEXTS: dict[str, tuple[str, str]] = {
    "over_ssh": (
        "A host over real SSH: a private sshd on {address}, with a key made for this demo",
        "通过真实的 SSH：本机 {address} 上临时启动的私有 sshd，密钥只为本次演示生成",
    ),
    "over_local": (
        "Host `local`: OpenSSH's server is not installed, so the same agent runs without SSH in between",
        "使用主机 local：未安装 OpenSSH 服务端，同一个 agent 直接在本机运行，不经过 SSH",
    ),
    "found": ("{cpus} CPU cores, {memory} of memory, {gpus}", "{cpus} 个 CPU 核心，{memory} 内存，{gpus}"),
    "no_gpu": ("no GPU (none is needed)", "没有 GPU（本演示不需要）"),
    "gpus": ("{count} GPUs", "{count} 块 GPU"),
    "submit": ("Submit", "提交"),
    "submitted": ("{recipe} is submitted as {job}", "{recipe} 已提交，任务名 {job}"),
    "pushed": ("sent {what}, {size}", "已发送 {what}，{size}"),
    "state": ("{job}: {state}", "{job}：{state}"),
    "train": ("Train", "训练"),
    "checkpoint_home": (
        "{name} is home, {size}, every hash checked",
        "{name} 已取回，{size}，每个文件的哈希都已核对",
    ),
    "loss": ("The loss fell from {first:.2f} to {last:.2f}", "损失从 {first:.2f} 降到 {last:.2f}"),
    "no_loss": ("The job logged no loss", "任务没有记录损失"),
    "home": ("What came home", "取回的结果"),
    "files_checked": (
        "{files} files, {size}; each sha256 equals the one that the host wrote down",
        "{files} 个文件，{size}；每个 sha256 都与主机记录的一致",
    ),
    "answer": ("One question, before and after", "同一个问题，训练前与训练后"),
    "question": ("question", "问题"),
    "before": ("before", "训练前"),
    "after": ("after", "训练后"),
    "tiny": (
        "(a model this small learns its examples by heart; the way it went is the one a big model goes)",
        "（这么小的模型只会背下例子；但它走过的流程与大模型完全相同）",
    ),
    "failed": ("The job ended as {state}: {reason}. Its log is above.", "任务结束，状态 {state}：{reason}。日志见上。"),
    "left": (
        "Everything of this demo lies in {folder}; delete it when you like.",
        "本演示的所有文件都在 {folder}，可随时删除。",
    ),
    "next": ("Next: lt host add NAME USER@ADDRESS", "下一步：lt host add 名称 用户@地址"),
    "seconds": ("{seconds:.0f} s", "{seconds:.0f} 秒"),
}


class Speech:
    """Sentences in one language: `en` or `zh`."""

    def __init__(self, language: str) -> None:
        self._index = 1 if language.startswith("zh") else 0

    def __call__(self, key: str, **values: Any) -> str:
        """The sentence `key` with its values filled in."""
        return TEXTS[key][self._index].format(**values)
