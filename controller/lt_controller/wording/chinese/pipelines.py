"""Chinese: pipelines."""

from __future__ import annotations

ERRORS: dict[str, tuple[str, str]] = {
    "bad_pipeline": ("流水线 {file} 无法运行：", "修改后运行：lt pipeline run {file} --dry-run"),
    "no_such_pipeline": ("没有流水线 {ref}[；相近的有：{near}]。", "lt pipeline ls 列出全部"),
    "pipeline_exists": (
        "{file} 以前运行过，即流水线 {name}（{state}）。继续它会运行 {rest}[，保留 {kept}]。",
        "lt pipeline resume {name} --file {file}，或从头运行：lt pipeline run {file} --new",
    ),
    "pipeline_alive": ("流水线 {name} 还没有停下：{state}。", "lt pipeline stop {name}"),
    "pipeline_over": ("流水线 {name} 已不再运行：{state}。", "lt pipeline resume {name}"),
    "nothing_to_resume": (
        "流水线 {name} 的每个阶段都已成功，或仍在进行（{state}）。",
        "lt pipeline run {file} --new 从头运行",
    ),
    "outputs_on_their_way": ("阶段 {stage} 需要的产物正在取回。", "lt ps"),
}

PHRASES: dict[str, str] = {
    "pipeline_none": "还没有运行过流水线。lt pipeline run FILE",
    "pipeline_asked": "lt pipeline show {id}",
    "pipeline_stopping": "流水线 {name}：不再提交新任务，正在运行的会停下",
    "pipeline_forgotten": "已忘记流水线 {name}；它的任务仍在",
    "stage_is_ready": "就绪",
    "stage_is_pending": "等待前序",
    "stage_is_blocked": "受阻",
    "stage_is_refused": "无法提交",
    "stage_is_stopped": "已停止",
    "stage_needs": "需要 {stages}",
    "stage_sends": "需发送 {size:size}",
    "stage_keep": "{stage}：保持不变",
    "stage_again": "{stage}：新的一次尝试",
    "stage_anew": "{stage}：新任务",
    "stage_wait": "{stage}：轮到时运行",
    "stage_gone": "{stage}：文件中已没有",
    "does_keep": "保留",
    "does_again": "再次尝试",
    "does_anew": "运行",
    "does_wait": "运行",
    "does_gone": "去掉",
}
