"""不能上网的主机，中文说法。"""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "not_prepared": ("{host} 不能上网，而这个配方要的软件包还没有送过去。", "lt host prepare {host} RECIPE"),
    "not_here_offline": ("{id}（{key}）不在本机，主机也无法下载。", "hf download {id}，或写成文件夹或文件：{key}=PATH"),
    "offline_no_python": (
        "主机上没有可用来建环境的 Python 3.11 到 3.14，也无法下载。",
        "在那里装一个，或指明解释器：env.python=PATH",
    ),
}

PHRASES: dict[str, str] = {
    "prepare_wheels": "适合它平台的软件包  {done} / {total}",
    "prepare_sending": "正在发送 {what}  {done} / {total}",
    "prepared": "{host} 所需的都齐了[；已发送：{sent}][；原已有：{there}]",
}
