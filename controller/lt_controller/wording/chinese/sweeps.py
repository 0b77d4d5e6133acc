"""Chinese: sweeps and their trials."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "ambiguous_sweep": ("{ref} 可能是 {count} 个超参搜索中的任意一个：{sweeps}。", "请多写几个字符"),
    "budget_spent": ("{sweep} 的试验已用完预算的 {seconds:time}。", "lt sweep show {sweep}"),
    "no_such_sweep": ("没有名为 {ref} 的超参搜索[；相近的有：{near}]。", "lt sweep ls"),
    "no_sweep": ("{recipe} 中没有 sweep。", "按 docs/sweeps.md 在其中写 sweep:；lt submit 只运行一次"),
    "optuna_missing": ("搜索需要 Optuna，而 lt 旁边没有安装它。", "pip install 'labtrain[sweep]'，或改用网格"),
    "recipe_has_sweep": ("{recipe} 含有 sweep：是许多任务，而不是一个。", "lt sweep run HOST {recipe}"),
    "sweep_goes_on": ("超参搜索 {sweep} 正在进行。", "lt sweep show {sweep}"),
    "sweep_is_done": ("超参搜索 {sweep} 已无事可做。", "lt sweep show {sweep}"),
    "sweep_is_over": ("超参搜索 {sweep} 已经结束：{state}。", "lt sweep show {sweep}"),
    "sweep_wait_timeout": ("{seconds:time} 后超参搜索 {sweep} 仍未结束。", "lt sweep show {sweep}"),
    "trials_failing": (
        "{sweep} 连续有 {count} 次试验失败，因此不再开始新的试验。",
        "lt logs {job}；然后 lt sweep resume {sweep}",
    ),
}

PHRASES: dict[str, str] = {
    "sweep_done": "完成",
    "sweep_stopped": "已停止",
    "sweep_pruned": "已剪枝",
    "sweep_pruning": "剪枝中",
    "sweep_resuming": "待恢复",
    "sweep_planned": "已计划",
    "sweep_started": "共 {trials} 次试验，同时 {concurrency} 次；lt sweep show {sweep} 查看进展",
    "sweep_stops": "{sweep}：不再开始新的试验；正在进行的会保存并结束",
    "sweep_resumes": "{sweep}：继续[，重做 {again} 次被停止或失败的试验]",
    "sweep_none": "还没有超参搜索。配方中写上 sweep: 即可：docs/sweeps.md",
    "sweep_head": "{sweep}：{recipe}，主机 {hosts}，{state}；{total} 次试验中 {over} 次已结束[，{running} 次进行中]",
    "sweep_best": "最佳：{job}，{metric} {value}[，第 {step} 步]（{params}）",
    "sweep_no_best": "还没有试验带着 {metric} 的值运行到结束。",
    "sweep_use": "取回结果：lt pull {job}[；用在别的配方里：{use}]",
    "sweep_home": "结果已取回：{path}[；用在别的配方里：{use}]",
    "sweep_matters": "各项的影响：{shares}",
    "sweep_by_trial": "各次试验的 {metric}，最佳 {value}",
    "sweep_plan": "{total} 次试验，主机 {hosts}",
    "sweep_plan_search": "{total} 次试验，主机 {hosts}；取值随进展决定，第一次：",
}
