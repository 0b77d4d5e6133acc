"""配方各字段的说明：英文与中文的对照（数据、模型、适配器、运行、超参搜索）。其余见 `method_fields`。"""

FIELDS: dict[str, str] = {
    # 整个配方
    "of this format: 1": "本格式的版本：1",
    "a line for people": "写给人看的一行说明",
    "how to train: sft, dpo, kto, orpo, reward, grpo, gspo, rloo or ppo": (
        "训练方法：sft、dpo、kto、orpo、reward、grpo、gspo、rloo 或 ppo"
    ),
    "what is trained": "训练什么模型",
    "absent: all weights are trained": "不写则训练全部参数",
    "what is learned from": "用什么数据学习",
    "arguments of the training": "训练参数",
    "measuring on held-out rows": "在留出的数据上评估",
    "checkpoints": "检查点",
    "what the run needs": "运行所需的资源",
    "how several GPUs share the work": "多张 GPU 如何分工",
    "which Python runs it": "用哪个 Python 运行",
    "variables whose values come from lt's environment or the keyring: [HF_TOKEN]": (
        "值取自 lt 的环境变量或钥匙串的变量：[HF_TOKEN]"
    ),
    "when a run counts as hung": "何时算作卡住",
    "of weights, row order and the held-out rows": "权重初始化、数据顺序与留出数据的随机种子",
    "stop (and save) after so long a run: 12h": "运行这么久后停止并保存：12h",
    "new attempts after a failure that one may cure, on the same host": "失败可恢复时，在同一主机上重试的次数",
    "before the first of them: 1m; doubled for each further one": "首次重试前等待：1m；之后每次加倍",
    "how long a stop may take to save: 5m": "停止时最多给多久保存：5m",
    # 自己的命令
    "GPUs to wait for; absent: one if the host has any": "等待几张 GPU；不写则有 GPU 时取一张",
    "what each of its GPUs must have in all: 24GiB": "每张 GPU 的总显存至少多少：24GiB",
    "cores to wait for, counted among jobs that ask for some": "等待几个 CPU 核（只在声明了核数的任务之间计数）",
    "free space on the host's data disk to wait for: 200GiB": "主机数据盘至少要有多少空闲：200GiB",
    "the interpreter that `python` means on the host": "主机上 `python` 指哪个解释器",
    "environment variables, no secrets": "环境变量，不放密钥",
    "what is run, without a shell: python train.py --lr {lr}": "要运行的命令，不经过 shell：python train.py --lr {lr}",
    "values for the {names}: {lr: 1e-3}": "各 {名称} 的取值：{lr: 1e-3}",
    "what is sent and where it runs; from this file's folder": "发送并在其中运行的文件夹，相对本文件所在处",
    "patterns of files to bring home: [out/**]": "取回哪些文件（通配）：[out/**]",
    "lines with numbers that become metrics: [epoch {step} val loss {val_loss}]": (
        "输出中哪些行的数字成为指标：[epoch {step} val loss {val_loss}]"
    ),
    "its Python and its variables": "所用的 Python 与变量",
    "what it needs": "需要的资源",
    "variables from lt's environment or keyring": "取自 lt 的环境变量或钥匙串的变量",
    "stop it after so long a run: 12h": "运行这么久后停止：12h",
    "new attempts after a failure that one may cure": "失败可恢复时的重试次数",
    "before the first of them: 1m": "首次重试前等待：1m",
    # 数据
    "file or folder (jsonl, json, csv, parquet), host:/path, job:NAME or hub id": (
        "文件或文件夹（jsonl、json、csv、parquet）、host:/路径、job:任务名，或 hub 上的名称"
    ),
    "the shape of a row": "每行数据的格式",
    "the file's own column names: {prompt: question}; for prompt also others, for rewards of yours": (
        "文件中的列名：{prompt: question}；prompt 类型还可写其他列，供自己的奖励函数使用"
    ),
    "the split of a hub data set": "hub 数据集的划分（split）",
    "the configuration (subset) of a hub data set": "hub 数据集的配置（子集）",
    "branch, tag or commit of a hub data set": "hub 数据集的分支、标签或提交",
    "take at most this many rows, from the top": "从头起最多取这么多行",
    "rows seen per epoch: 0.5 takes half of them (drawn by seed), 2 takes each twice": (
        "每轮见到的行数比例：0.5 按种子抽一半，2 则每行用两次"
    ),
    # 模型
    "a tokenizer other than the model's own": "不用模型自带的分词器时，另用哪一个",
    "train a new byte-level BPE tokenizer on the text of this file, on the host": (
        "在主机上用此文件的文本训练一个字节级 BPE 分词器"
    ),
    "size of the new tokenizer's vocabulary": "新分词器的词表大小",
    "hub id, path, host:/path or job:NAME": "hub 名称、路径、host:/路径，或 job:任务名",
    "build a new, untrained model: model_type and the configuration's own keys": (
        "从零构建未训练的模型：model_type 与其配置自己的键"
    ),
    "needed with from_config": "使用 from_config 时必须给出",
    "the weights' type in memory; auto is what the model was saved in": "权重在内存中的类型；auto 与保存时相同",
    "branch, tag or commit of a hub model": "hub 模型的分支、标签或提交",
    "run Python code that comes with the model": "运行模型自带的 Python 代码",
    "QLoRA: hold the weights in 4 bits under an adapter; needs bitsandbytes": (
        "QLoRA：适配器之下的权重以 4 位存放；需要 bitsandbytes"
    ),
    "the kind of 4 bits": "4 位的类型",
    "the scales are quantised as well": "缩放系数也量化",
    "sdpa, flash_attention_2, eager …": "sdpa、flash_attention_2、eager 等",
    # 适配器
    "the kind of adapter": "适配器的种类",
    "rank": "秩",
    "scale; the update counts alpha / r (PEFT: lora_alpha)": "缩放；更新量乘以 alpha / r（PEFT：lora_alpha）",
    "dropout before the adapter (PEFT: lora_dropout)": "适配器之前的 dropout（PEFT：lora_dropout）",
    "which layers: all-linear, or a list such as [q_proj, v_proj]": "作用于哪些层：all-linear，或列表 [q_proj, v_proj]",
    "layers to leave out": "排除哪些层",
    "layers trained in full beside the adapter, such as [embed_tokens, lm_head]": (
        "适配器之外完整训练的层，如 [embed_tokens, lm_head]"
    ),
    "only these layer numbers, also as ranges": "只作用于这些层号，也可写范围",
    "another rank for some layers": "某些层用另外的秩",
    "another alpha for some layers": "某些层用另外的 alpha",
    "which biases are trained": "训练哪些偏置",
    "scale by alpha / sqrt(r)": "按 alpha / sqrt(r) 缩放",
    "weight-decomposed LoRA": "权重分解的 LoRA",
    "LoRA+: how many times as fast B learns as A; its paper takes 16": "LoRA+：B 的学习率是 A 的几倍；论文取 16",
    "lokr: decompose the left factor too": "lokr：左因子也分解",
    "lokr: size of the left factor": "lokr：左因子的大小",
    "ptuning: learnt tokens before each row": "ptuning：每行之前可学习的词元数",
    "ptuning: width of the network that makes them; default: the model's": (
        "ptuning：生成这些词元的网络宽度；默认与模型相同"
    ),
    "go on training this adapter; its own r, alpha and target_modules count then": (
        "继续训练这个适配器；以它自己的 r、alpha 与 target_modules 为准"
    ),
    # 并行
    "ddp: a copy of the model on each GPU (default); fsdp, deepspeed: its parts": (
        "ddp：每张 GPU 一份完整模型（默认）；fsdp、deepspeed：切分模型"
    ),
    "how many train together without GPUs; with them there is one for each": (
        "无 GPU 时几个进程一起训练；有 GPU 时每张一个"
    ),
    "fsdp: what is divided; default full_shard; shard_grad_op keeps weights whole": (
        "fsdp：切分什么；默认 full_shard；shard_grad_op 保留完整权重"
    ),
    "fsdp: the layers to divide, by class; default: those the model names itself": (
        "fsdp：按类名指定要切分的层；默认由模型自己给出"
    ),
    "fsdp: its own, in place of train.gradient_checkpointing": (
        "fsdp：用它自己的激活重算，代替 train.gradient_checkpointing"
    ),
    "deepspeed: 1 divides the optimizer, 2 (default) gradients too, 3 weights too": (
        "deepspeed：1 切分优化器，2（默认）加上梯度，3 再加上权重"
    ),
    "hold in main memory what is not in use; slower": "暂不用的放到内存，较慢",
    "deepspeed: further settings, laid over lt's": "deepspeed：更多设置，覆盖 lt 的默认",
    # 评估、保存、资源、环境
    "held out of datasets: below 1 a fraction, else a number of rows; 0 is none": (
        "从 datasets 中留出：小于 1 为比例，否则为行数；0 为不留"
    ),
    "evaluate on these instead; entries as in datasets": "改用这些数据评估；写法与 datasets 相同",
    "every so many steps (below 1: fraction of all); absent: after each epoch": (
        "每隔多少步（小于 1 为总步数的比例）；不写则每轮之后"
    ),
    "evaluate once before the first step": "第一步之前先评估一次",
    "stop after so many evaluations without a better result": "连续这么多次评估没有变好就停止",
    "how much better counts as better": "好多少才算变好",
    "the metric that tells the best checkpoint": "以哪个指标决定最佳检查点",
    "absent: false for a metric whose name ends in loss, else true": (
        "不写时：名称以 loss 结尾的指标为 false，其余为 true"
    ),
    "the finished model has the best checkpoint's weights, not the last step's": (
        "最终模型取最佳检查点的权重，而不是最后一步的"
    ),
    "checkpoints kept on the host: the newest ones, beside them the best; null: all": (
        "主机上保留几个检查点：最新的几个，另加最佳的；null 为全部"
    ),
    "which checkpoints come home by themselves; the finished model does unless none": (
        "哪些检查点自动取回；除 none 外最终模型总会取回"
    ),
    "GPUs to wait for; 0 trains on the CPU": "等待几张 GPU；0 则用 CPU 训练",
    "what each of its GPUs must have in all: 24GiB; 0: any will do": "每张 GPU 的总显存至少多少：24GiB；0 为不限",
    "free space on the host's data disk below which the run saves and stops": "主机数据盘空闲低于此值时保存并停止",
    "times the usual step; default 10": "平常一步的多少倍；默认 10",
    "no step shorter than this hangs; default 2m": "短于此的一步不算卡住；默认 2m",
    "the first steps, before one is usual; default 30m": "最初几步（尚无平常值）；默认 30m",
    "imports, model and data; default 1h": "导入、模型与数据；默认 1h",
    "default 4h": "默认 4h",
    "one evaluation; default 4h": "一次评估；默认 4h",
    "one checkpoint; default 1h": "一个检查点；默认 1h",
    "an interpreter of the host, by its absolute path": "主机上的解释器，写绝对路径",
    "a shipped lock by name (sft), or a lock file of yours": "自带锁定文件的名称（sft），或您自己的锁定文件",
    "further requirements: [bitsandbytes==0.49.0]": "额外的依赖：[bitsandbytes==0.49.0]",
    # 超参搜索
    "one of these, in no order": "其中之一，不分次序",
    "a number between two": "两数之间的一个数",
    "a number between two, even in its logarithm": "两数之间的一个数，按对数均匀",
    "a whole number between two, both of them in": "两数之间的整数，含两端",
    "a whole number between two, even in its logarithm": "两数之间的整数，按对数均匀",
    "every combination of these values, the last key changing fastest": "这些取值的全部组合，最后一个键变化最快",
    "values that Optuna picks, learning from the trials before": "由 Optuna 依据先前的试验挑选取值",
    "of a search: how many": "搜索共做几次试验",
    "what a trial is judged by, as lt metrics names it": "以哪个指标评判，名称与 lt metrics 相同",
    "which values of it are better": "该指标高好还是低好",
    "a trial counts by the metric's last value, or by its best one": "试验按指标的最后值还是最佳值计",
    "trials at a time; absent: as many as the hosts have slots for": "同时做几次试验；不写则主机有几个空位做几个",
    "stops trials early that fall behind the others": "提前停掉明显落后的试验",
    "no trial is pruned before this step": "此步之前不剪枝",
    "median: nothing is pruned before so many have ended": "median：这么多次试验结束之前不剪枝",
    "how the search picks values": "如何挑选取值",
    "of the search's own dice": "搜索自己的随机种子",
    "no trial begins once all together have run for so long: 24h": "全部试验累计运行这么久后不再开始新的：24h",
    "so many trials failing one after the other end the sweep; 0: none do": "连续这么多次试验失败就结束；0 为不结束",
}
