"""登录的中文说法：密码、密码短语、第二因素、安装公钥、远程命令行与端口转发。"""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "login_needed": (
        "{host} 不接受我们的密钥[（用户 {user}）]，需要有人回答[（可用方式：{methods}）]。",
        "lt host connect {host}",
    ),
    "login_wrong": (
        "{host} 已 {tries} 次拒绝[ {user} 的]回答。",
        "lt host connect {host} 可重新输入；有些主机会暂时锁定，请稍等",
    ),
    "login_closed": (
        "登录尚未完成，{host} 就关闭了连接：太慢，或尝试次数过多。",
        "lt host connect {host} 可重新输入",
    ),
    "login_cancelled": ("{host} 上的登录被中止。", "lt host connect {host} 可重新输入"),
    "login_unanswered": ("{host} 的提问在 {seconds:time} 内无人回答。", "lt host connect {host}"),
    "login_no_terminal": ("{host} 有问题要问，但这里没有终端可供回答。", "在终端里输入：lt host connect {host}"),
    "passphrase_wrong": ("{key} 的密码短语已错 {tries} 次。", "lt host connect {host} 可重新输入"),
    "no_keyring": (
        "本系统没有可安全保存密码的钥匙串[：{why}]。什么都没有保存。",
        "去掉 --remember：由控制器保存在内存中",
    ),
    "keyring_failed": ("系统钥匙串未能完成操作[：{why}]。", "先解锁再试，或去掉 --remember"),
    "key_not_installed": ("无法把公钥放到 {host} 上[：{detail}]。", "lt host check {host}"),
    "key_not_accepted": (
        "公钥 {key} 已在 {host} 的 ~/.ssh/authorized_keys 中，但主机仍然拒绝。",
        "其 sshd_config 可能禁用了密钥或指定了别的文件；主机日志里有详情",
    ),
    "port_taken": ("本机端口 {port} 已被占用。", "不指定，或换一个：{remote}:LOCALPORT"),
    "bad_port": ("{value} 不是端口。", "写成 PORT 或 PORT:LOCALPORT，例如 6006 或 6006:16006"),
    "forward_failed": ("ssh 无法从 {host} 转发端口[（退出码 {exit}）]。", "lt host check {host}"),
    "forward_ended": ("与 {host} 的连接已断开，转发的端口随之关闭。", "请重新输入该命令"),
    "no_such_place": ("没有名为 {ref} 的主机或任务。", "lt host ls 列出主机，lt ps -a 列出任务"),
    "job_not_there": ("任务 {job} 在主机上还没有文件夹：它的状态是 {state}。", "lt show {job}"),
}

ADDING: dict[str, str] = {
    "login_needed": "请在可以输入密码的终端里执行，或用 --key FILE 指定密钥",
    "login_wrong": "请重新输入：lt host add {host} …",
    "login_closed": "请重新输入：lt host add {host} …",
    "login_cancelled": "请重新输入：lt host add {host} …",
    "login_unanswered": "请重新输入：lt host add {host} …",
    "passphrase_wrong": "请重新输入：lt host add {host} …",
}

WORDS: dict[str, str] = {"needs_login": "需要登录"}

WHYS: dict[str, str] = {
    "no_backend": "这里没有运行钥匙串服务",
    "plain_text": "所设置的钥匙串会以明文保存",
    "not_there": "缺少 Python 包 keyring",
}

PHRASES: dict[str, str] = {
    "ask_password": "{target} 的密码：",
    "ask_passphrase": "{path} 的密码短语：",
    "ask_again": "不正确。",
    "ask_host": "{host}（{target}）提问：",
    "host_connected": "{host} 已连接。",
    "login_by_key": "没有提问：密钥即可登录。",
    "login_kept_memory": "回答只保存在控制器的内存中，控制器运行期间有效，无工作时最多 12 小时。连接中断后会自动恢复。",
    "login_kept_keyring": "回答保存在本系统的钥匙串中。lt host connect {host} --forget 可删除。",
    "login_once": "用到了只能使用一次的回答，所以什么都没有保存：连接中断后 lt 会显示“需要登录”，"
    "用 lt host connect {host} 重新回答。那里的任务照常运行。",
    "login_once_remember": "--remember 在此不起作用。",
    "login_forgotten": "为 {host} 保存的内容已删除。",
    "key_installed": "公钥 {path} 已放到 {host} 上，并可登录。",
    "key_was_there": "公钥 {path} 原本就在 {host} 上，并可登录。",
    "shell_job": "{host} 上的 {job}，第 {attempt} 次尝试",
    "forwarding": "{url} 通向 {host} 的端口 {remote}。按 Ctrl-C 结束。",
    "forward_local": "端口 {remote} 就在本机：{url}",
    "forward_done": "端口已关闭。",
    "forward_other_port": "本机端口 {wanted} 已被占用，改用 {port}。",
    "forward_job_rests": "{job} 的状态是 {state}：可能没有程序在监听。",
}
