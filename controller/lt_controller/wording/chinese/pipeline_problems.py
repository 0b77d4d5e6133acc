"""Chinese: what is wrong with a pipeline's file, by the English sentences of `lt_recipes.pipeline`."""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    "is no pipeline": "不是流水线文件",
    "see docs/pipelines.md": "参见 docs/pipelines.md",
    "needs itself: {}": "依赖自身：{}",
    "take one of them out": "去掉其中一个",
    "is no parameter of this pipeline": "不是这条流水线的参数",
    "it has: {}": "它有：{}",
    "there are: {}": "已有：{}",
    "there is no parameter {}": "没有参数 {}",
    "give it a value under params:": "在 params: 下给它一个值",
    "there is no stage {}": "没有阶段 {}",
    "the stage has no input {}": "该阶段没有输入 {}",
    "job:{}/{} leads outside of what {} makes": "job:{}/{} 指到了 {} 的产物之外",
    "name a file or folder in it": "写其中的文件或文件夹",
    "stage {} has no outputs": "阶段 {} 没有 outputs",
    "say which files it makes, as outputs: [out/**]": "说明它生成哪些文件，如 outputs: [out/**]",
    "stage {} makes no {}": "阶段 {} 不会生成 {}",
    "its outputs are {}": "它的 outputs 是 {}",
    "write job:{}, or a checkpoint: job:{}/checkpoint-400": "写 job:{}，或某个检查点：job:{}/checkpoint-400",
    "{} is no name for an input: write small letters, digits and _": "{} 不能作输入的名称：用小写字母、数字和 _",
    "{} is no name for a stage: write letters, digits, - and _": "{} 不能作阶段的名称：用字母、数字、- 和 _",
    "a stage has either a recipe or a command": "一个阶段要么有 recipe，要么有 command",
    "command: must have at least one word": "command：至少要有一个词",
    "{}: is for a stage with a {}": "{}：只用于有 {} 的阶段",
    "no host is named": "没有指定主机",
    "write host: at the top of the file or in the stage, or give --on HOST": "在文件或阶段里写 host:，或用 --on HOST",
    "job:{} names no stage of this pipeline, and no job": "job:{} 既不是这条流水线的阶段，也不是任务",
    "its stages: {}": "它的阶段：{}",
}
