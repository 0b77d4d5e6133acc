"""`lt recipe new`：提问与可能的错误。"""

ERRORS = {
    "host_and_recipe_swapped": (
        "{host} 是主机，而 {recipe} 不是：主机写在前面。",
        "lt submit {host} {recipe}",
    ),
    "recipe_new_needs": (
        "没有终端就无法提问：缺少 {options}。",
        "各选项见 lt recipe new --help",
    ),
    "data_type_unknown": (
        "{path} 不像任何已知的数据类型[；它的列有：{columns}]。",
        "请在配方中自己写明 type 与 columns：见 docs/recipes.md 的 datasets 一节",
    ),
    "wrong_data": (
        "{path} 像是 {type}，而 {method} 要用 {suits}。",
        "不写 --method，会按数据给出建议",
    ),
    "no_such_method": (
        "没有方法 {method}；现有 {known}。",
        "lt recipe ls 列出各方法的配方",
    ),
    "not_written": (
        "无法写入 {path}：{why}。",
        "换个位置：--out FILE",
    ),
}

PHRASES = {
    "new_ask_data": "你的数据（文件、文件夹、host:/路径 或 hub 名）",
    "new_seen_data": "{path}：{rows} 行，类型 {type}[；它的列名：{columns}]",
    "new_ask_method": "训练方法",
    "new_ask_host": "在哪台主机上运行（留空：以后再定）",
    "new_ask_host_known": "主机：{hosts}",
    "new_seen_gpu": "{host}：GPU 显存 {memory:size}",
    "new_ask_model": "模型（hub 名或文件夹）",
    "new_ask_adapter": "适配器",
    "new_ask_name": "配方的名字",
    "new_any_host": "24 GB 显存的 GPU",
    "new_title": "用 {data} 对 {model} 做 {method}，运行于 {host}。",
    "new_check": "检查：lt recipe check {file}   资源估算：lt estimate {file}",
    "new_run": "运行：lt submit {host} {file}",
}
