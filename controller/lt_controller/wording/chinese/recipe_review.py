"""`lt recipe check` 发现的问题：是什么，怎么办。"""

PHRASES = {
    "review_rows_cut": (
        "{data} 中有 {share:.1%} 的样本超过 {max_length} 个 token，会被截断；最长的有 {longest} 个。请调大 "
        "train.max_length，或缩短这些样本"
    ),
    "review_rows_cut_estimated": (
        "{data} 中约有 {share:.0%} 的样本超过 {max_length} 个 token，会被截断；最长的约 {longest} 个。"
        "按字符数估算：本机没有该模型的分词器"
    ),
    "review_longer_than_model": "{max_length} 个 token 超过了模型支持的 {limit} 个",
    "review_prompt_too_long": (
        "{data} 中有提示达 {longest} 个 token（按 {by} 计），加上 {answers} 个 token 的回答，"
        "超过了模型支持的 {limit} 个"
    ),
    "review_no_chat_template": (
        "{model} 没有对话模板：对话数据会用一个通用模板，其中的标记模型从未见过。请改用 instruct 版本，"
        "或用 train.chat_template_path 指定模板"
    ),
    "review_no_pad_token": "{model} 没有填充 token：TRL 会用结束 token 填充",
    "review_no_pad_or_eos": (
        "{model} 既没有填充 token 也没有结束 token：请设置 train.eos_token，或换一个 model.tokenizer"
    ),
    "review_same_answers": "{rows} 对中有 {count} 对的两个回答完全相同，学不到任何东西",
    "review_nothing_said": (
        "{rows} 段对话中有 {count} 段没有助手的发言，而 train.assistant_only_loss 只学习助手的发言："
        "请去掉这些行，或写 assistant_only_loss: null"
    ),
    "review_one_sided": "所有回答的标记都是 {there}：KTO 本应有好坏两种回答；请用较低的学习率",
    "review_lopsided": (
        "好回答 {good} 条，坏回答 {bad} 条：KTO 论文建议加权后在 1:1 到 4:3 之间。可设 kto.{name}={value:.2f}"
    ),
    "review_answers_missing": "奖励 {reward} 要与 answer 列比较，而 {rows} 行中有 {count} 行没有合适的答案",
    "review_nothing_left": "{rows} 行中有 {held} 行被留出做评估，没有剩下可训练的",
    "review_batch_above_rows": "每步要用 {batch} 行，而总共只有 {rows} 行：每个 epoch 只有一步",
    "review_rows_left_over": "{rows} 行不能被每步的 {batch} 行整除：每个 epoch 的最后一步只有 {left} 行",
    "review_no_checkpoint_before_end": "每 {every} 步保存一次，而整个训练只有 {steps} 步：中途没有可续训的检查点",
    "review_no_evaluation": "每 {every} 步评估一次，而整个训练只有 {steps} 步：中途不会评估",
    "review_all_warmup": (
        "预热 {warmup} 步，而整个训练只有 {steps} 步：学习率到不了峰值。小于 1 的值表示比例，例如 0.1"
    ),
    "review_round_not_whole": (
        "每次生成的 {batch} 个回答必须是一次前向 {rows} 个（per_device_train_batch_size × GPU 数）的整数倍"
    ),
    "review_eval_groups": "评估时每批 {rows} 行不能被每题 {answers} 个回答整除：请修改它，或修改 num_generations_eval",
    "review_no_eval_data": "没有评估数据，{keys} 不起作用：请设置 eval.val_set_size 或 eval.datasets",
    "review_tracker_not_named": "env.packages 中没有 {tracker}：如果主机环境里没有安装，就不会向它上报",
    "review_duplicate_rows": "{rows} 行中有 {count} 行是重复的",
    "review_too_few_gpus": "{host} 有 {there} 张 GPU，而配方要求 {asked} 张",
    "review_fp16_on_cpu": "CPU 不能用 float16 训练：请去掉 fp16",
    "review_fp16_weights": "fp16 要缩放损失，权重须为 float32：请写 torch_dtype: float32，或改用 bf16",
    "review_bf16_gpu": "{host} 的 {gpu} 不支持 bfloat16：请写 fp16: true 与 torch_dtype: float32",
    "review_bf16_weights_gpu": "{host} 的 {gpu} 只能模拟 bfloat16，很慢：有适配器时写 float16，否则写 float32",
    "review_tf32_gpu": "{gpu} 不支持 TF32：请去掉 tf32",
    "review_updates_lost": (
        "直接训练 {dtype} 权重时，学习率低于 1e-4 的更新大多会因舍入丢失：请写 torch_dtype: float32，计算仍用 16 位。"
        "显存不够时可用 train.optim: adamw_8bit，或改用适配器"
    ),
    "review_flash_attention_gpu": "{gpu} 不能运行 FlashAttention 2：请写 sdpa",
    "review_does_not_fit": "每张 GPU 约需 {total:size}，而 {host} 只有 {memory:size}。这样改就放得下：{changes}",
    "review_never_fits": "每张 GPU 约需 {total:size}，而 {host} 只有 {memory:size}：请换更小的模型或更多 GPU",
    "review_memory_unknown": (
        "从本机读不到 {model} 的配置：内存和磁盘是否够用未知。可用 lt estimate --config FILE 指定配置文件"
    ),
    "review_disk_too_small": (
        "最多 {count} 个检查点，每个 {one:size}，加上最终模型共需 {needed:size}，而 {host} 只剩 {free:size}：请少留几个"
    ),
    "review_warning": "注意",
    "review_problem": "问题",
    "review_passed": "{recipe} 没有问题[，另有 {warnings} 条注意事项]。",
    "review_failed": "{recipe}：{problems} 个问题[，{warnings} 条注意事项]。",
}
