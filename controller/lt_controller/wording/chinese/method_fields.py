"""配方各字段的说明：英文原文与中文的对照（各训练方法与 `train:`）。其余见 `recipe_fields`。"""

FIELDS: dict[str, str] = {
    # 方法共有
    "how to train: sft": "训练方法：sft",
    "how to train: dpo": "训练方法：dpo",
    "how to train: kto": "训练方法：kto",
    "how to train: orpo": "训练方法：orpo",
    "how to train: reward": "训练方法：reward",
    "how to train: grpo": "训练方法：grpo",
    "how to train: gspo": "训练方法：gspo",
    "how to train: rloo": "训练方法：rloo",
    "how to train: ppo": "训练方法：ppo",
    "the loss": "损失函数",
    "writing and the loss": "生成回答与损失函数",
    "no dropout, also in an adapter; default true": "不用 dropout，适配器中也不用；默认 true",
    "no dropout, also in an adapter; default false": "不用 dropout，适配器中也不用；默认 false",
    "pad rows to a multiple of this many tokens": "把每行填充到此数的整数倍词元",
    "keep activations in main memory": "把激活值放在内存",
    "weight of the load-balancing loss of a mixture of experts": "混合专家模型负载均衡损失的权重",
    "tokens per row, longer ones are cut; null: never cut; default 1024": (
        "每行的词元数，更长的截断；null 为不截断；默认 1024"
    ),
    "processes that tokenize": "分词的进程数",
    # 参考模型
    "move the frozen copy towards the model at times": "不时把冻结的副本向当前模型移动",
    "how far it is moved; default 0.6": "移动多远；默认 0.6",
    "every so many steps; default 512": "每隔多少步；默认 512",
    "ask the frozen copy once, before training, and then free its memory; default false": (
        "训练前一次算完冻结副本的结果，然后释放其内存；默认 false"
    ),
    "rows per forward pass for that": "为此每次前向的行数",
    # sft
    "fill each row with several examples": "把多个样本拼成一行",
    "how examples are packed; default bfd": "拼接方式；默认 bfd",
    "packing when evaluating; default as packing": "评估时是否拼接；默认与 packing 相同",
    "no padding; needs flash attention": "不填充；需要 flash attention",
    "learn from the completion alone; default true for prompt_completion": (
        "只学习回答部分；数据为 prompt_completion 时默认 true"
    ),
    "learn from the assistant's turns alone, whether the chat template marks them or not": (
        "只学习助手的发言，无论对话模板是否标出"
    ),
    "default nll": "默认 nll",
    "shuffle rows once before training": "训练前把数据打乱一次",
    "a Jinja file or a tokenizer whose chat template is used": "使用某个 Jinja 文件或某个分词器的对话模板",
    "the token that ends a turn": "结束一轮发言的词元",
    # dpo、kto、orpo、reward
    "how much leaving the start costs; default 0.1": "偏离初始模型的代价；默认 0.1",
    "the loss, or several that are added up; default sigmoid": "损失函数，可写多个相加；默认 sigmoid",
    "a weight for each of several losses": "多个损失各自的权重",
    "share of wrong labels that robust and exo_pair assume; default 0": "robust 与 exo_pair 假定的错误标注比例；默认 0",
    "how the distance to the start is measured; default reverse_kl": "如何度量与初始模型的距离；默认 reverse_kl",
    "of alpha_divergence; default 0.5": "用于 alpha_divergence；默认 0.5",
    "weight of what makes an answer longer (LD-DPO)": "对回答变长部分的权重（LD-DPO）",
    "weigh pairs by how likely they are (WPO)": "按样本对的概率加权（WPO）",
    "of discopop; default 0.05": "用于 discopop；默认 0.05",
    "default kto": "默认 kto",
    "weight of good answers; default 1": "好回答的权重；默认 1",
    "weight of bad answers; default 1": "坏回答的权重；默认 1",
    "weight of the preference (λ); default 0.1": "偏好项的权重（λ）；默认 0.1",
    "tokens per answer, longer ones are cut": "每个回答的词元数，更长的截断",
    "keeps the numbers' mean near 0; the paper (Eisenstein et al.) takes 0.01": (
        "使打分均值接近 0；论文（Eisenstein 等）取 0.01"
    ),
    # grpo、gspo、rloo
    "how tokens are averaged and clipped; default dapo, for gspo grpo": "词元如何平均与截断；默认 dapo，gspo 为 grpo",
    "a ratio per token or per answer; default token, for gspo sequence": (
        "按词元还是按整条回答计算比率；默认 token，gspo 为 sequence"
    ),
    "divide by the spread within the group (default), the batch, or not": "除以组内（默认）或批内的标准差，或不除",
    "several rewards: added first (default), or each scaled first": "多个奖励：先相加（默认）或先各自归一",
    "upper bound of the ratio for bad answers (INTELLECT-2)": "坏回答比率的上限（INTELLECT-2）",
    "learn from the least certain tokens alone; default 1, all": "只学习最不确定的词元；默认 1，即全部",
    "reward for uncertainty; default 0": "对不确定性的奖励；默认 0",
    "find that coefficient while training": "训练中自动调整该系数",
    "its bounds; default 0": "其下限；默认 0",
    "default 1": "默认 1",
    "how fast it moves; default 0.005": "调整的快慢；默认 0.005",
    "where it shall lead; default 0.2": "调整的目标；默认 0.2",
    "of loss_type sapo; default 1.05": "用于 loss_type sapo；默认 1.05",
    "of loss_type sapo; default 1.0": "用于 loss_type sapo；默认 1.0",
    "of loss_type vespo; default 2.0": "用于 loss_type vespo；默认 2.0",
    "of loss_type vespo; default 3.0": "用于 loss_type vespo；默认 3.0",
    "the output layer in float32; default false": "输出层用 float32；默认 false",
    "leave out bad answers that the model has moved too far away from": "舍去模型已偏离太远的坏回答",
    "weigh the distance by the ratio": "以比率为距离加权",
    "scale advantages over the batch": "在整批上归一优势",
    "rewards are cut to [low, high]": "奖励截断到 [低, 高]",
    # 生成
    "take the prompts in random order; default true": "打乱提示的次序；默认 true",
    "weight of the distance to the start; 0 needs no frozen copy": "与初始模型距离的权重；0 则无需冻结副本",
    "answers per prompt": "每个提示生成几个回答",
    "the same when evaluating": "评估时的同一设置",
    "tokens per answer; default 512": "每个回答的词元数；默认 512",
    "answers written at once; default: as many as a step learns from": "一次生成几个回答；默认与一步所学的相同",
    "forward passes per round of writing; default gradient_accumulation_steps": (
        "每轮生成对应几次前向；默认 gradient_accumulation_steps"
    ),
    "how often a round is learnt from (μ); default 1": "每轮生成学习几遍（μ）；默认 1",
    "of sampling; default 1.0": "采样参数；默认 1.0",
    "of sampling; default 1.0, all tokens": "采样参数；默认 1.0，即全部词元",
    "of sampling; default 0, all tokens": "采样参数；默认 0，即全部词元",
    "of sampling: tokens less likely than this are left out": "采样参数：概率低于此值的词元舍去",
    "of sampling; default 1.0, none": "采样参数；默认 1.0，即不惩罚",
    "more arguments of generation": "生成的其他参数",
    "for the chat template, such as {enable_thinking: false}": "传给对话模板，如 {enable_thinking: false}",
    "of the keys and values, such as static": "键值缓存的实现，如 static",
    "write answers of unequal length without waiting for the longest": "生成长短不一的回答时不等最长的",
    "its settings": "其设置",
    "clipping range; default 0.2": "截断范围；默认 0.2",
    "its upper side; default as epsilon": "其上侧；默认与 epsilon 相同",
    "learn nothing from answers that were cut; default false": "被截断的回答不参与学习；默认 false",
    "write some answers into the log": "把部分回答写入日志",
    "how many of them": "写几个",
    "each prompt once": "每个提示只写一次",
    # 奖励
    "what a good answer is: one or more, added up": "什么是好回答：一项或多项，相加",
    "what is looked at": "看什么",
    "its metric is rewards/NAME/mean; default: the type": "其指标为 rewards/NAME/mean；默认取类型名",
    "how much it counts; negative for what is not wanted": "权重；不想要的取负数",
    "exact_match, numeric: a regular expression whose group is what is compared": (
        "exact_match、numeric：正则表达式，比较其分组的内容"
    ),
    "exact_match: capital letters do not matter": "exact_match：不分大小写",
    "numeric: relative; default 1e-6": "numeric：相对误差；默认 1e-6",
    "regex: what must be found in the answer": "regex：回答中必须出现的内容",
    "format: closed in this order; default think, answer": "format：依此次序闭合的标签；默认 think、answer",
    "length: characters at least": "length：至少几个字符",
    "length: characters at most": "length：至多几个字符",
    "json_schema: what the answer must be": "json_schema：回答必须符合的结构",
    "code, judge: how long one may take": "code、judge：每个最多多久",
    "code: how much it may take; default 512MiB": "code：最多用多少内存；默认 512MiB",
    "code, judge: how many side by side": "code、judge：同时几个",
    "code: run it also where it can't be kept apart": "code：无法隔离时也运行",
    "python: a file of yours; it is sent to the host": "python：您的文件，会发送到主机",
    "python: the function in it; default reward": "python：其中的函数；默认 reward",
    "model: a reward model: hub id, path or job:NAME": "model：奖励模型：hub 名称、路径或 job:任务名",
    "judge: an OpenAI-compatible API: http://host:8000/v1": "judge：与 OpenAI 兼容的接口：http://host:8000/v1",
    "judge: the model's name there": "judge：那里的模型名称",
    "judge: what it is asked, with {prompt}, {completion} and {answer}": (
        "judge：提问的内容，可用 {prompt}、{completion} 与 {answer}"
    ),
    "judge: its best grade; default 10": "judge：最高分；默认 10",
    "judge: the variable on the host that holds the key": "judge：主机上存放密钥的变量名",
    "judge: no more than so many": "judge：最多请求几次",
    # ppo
    "how often a round is learnt from; default 4": "每轮生成学习几遍；默认 4",
    "steps per pass over a round; a round has so many times a step's answers; default 1": (
        "每遍分成几步；一轮的回答数是一步的这么多倍；默认 1"
    ),
    "tokens per answer; default 53": "每个回答的词元数；默认 53",
    "of sampling; default 0.7": "采样参数；默认 0.7",
    "answers written and read at once before learning begins; default 64": "学习之前一次生成并读取几个回答；默认 64",
    "taken from the score of an answer that was cut": "回答被截断时扣多少分",
    "scale rewards to variance 1; default false": "把奖励缩放到方差 1；默认 false",
    "weight of the distance to the start; default 0.05; 0 needs no frozen copy": (
        "与初始模型距离的权重；默认 0.05；0 则无需冻结副本"
    ),
    "how it is measured; default k1": "如何度量；默认 k1",
    "lead the distance to target; default false": "把距离引向 target；默认 false",
    "of the distance, nats per answer; default 6": "距离的目标，每个回答多少奈特；默认 6",
    "answers in which the weight follows; default 10000": "权重在多少个回答内跟上；默认 10000",
    "clipping range of the ratio; default 0.2": "比率的截断范围；默认 0.2",
    "weight of the value's loss; default 0.1": "价值损失的权重；默认 0.1",
    "clipping range of the value; default 0.2": "价值的截断范围；默认 0.2",
    "discount per token; default 1": "每个词元的折扣；默认 1",
    "of advantage estimation (GAE); default 0.95": "优势估计（GAE）的参数；默认 0.95",
    # train：时长与批
    "passes over the data; default 3": "数据过几遍；默认 3",
    "stop after so many steps, whatever num_train_epochs says": "到这么多步就停，不论 num_train_epochs",
    "rows per GPU and forward pass; default 8": "每张 GPU 每次前向的行数；默认 8",
    "forward passes per step; default 1": "每步累积几次前向；默认 1",
    "rows per GPU when evaluating; default 8": "评估时每张 GPU 的行数；默认 8",
    "evaluation batches gathered on the GPU before they move to memory": "评估时攒几批再从 GPU 移到内存",
    # train：学习率与优化器
    "the highest learning rate; default 2e-5": "最高学习率；默认 2e-5",
    "how the learning rate falls; default linear": "学习率如何下降；默认 linear",
    "the schedule's own settings, such as {num_cycles: 2}": "学习率计划自己的设置，如 {num_cycles: 2}",
    "steps of rising learning rate; below 1 the fraction of all steps": "学习率上升的步数；小于 1 为总步数的比例",
    "the optimizer; default adamw_torch_fused; adamw_8bit, adafactor, prodigy …": (
        "优化器；默认 adamw_torch_fused；还有 adamw_8bit、adafactor、prodigy 等"
    ),
    "the optimizer's own settings, as key=value,key=value": "优化器自己的设置，写作 key=value,key=value",
    "layers that GaLore and APOLLO optimizers treat": "GaLore 与 APOLLO 优化器处理哪些层",
    "default 0": "默认 0",
    "default 0.9": "默认 0.9",
    "default 0.999": "默认 0.999",
    "default 1e-8": "默认 1e-8",
    "gradient clipping; default 1.0": "梯度裁剪；默认 1.0",
    "noise on the embeddings while training (NEFTune)": "训练时给词嵌入加噪声（NEFTune）",
    "count tokens over all GPUs for the loss; default true": "损失按所有 GPU 的词元计；默认 true",
    # train：精度与内存
    "bfloat16 arithmetic; default: true where the GPU can, else false": (
        "bfloat16 运算；GPU 支持时默认 true，否则 false"
    ),
    "float16 arithmetic with loss scaling; default false": "float16 运算并缩放损失；默认 false",
    "evaluate wholly in bfloat16": "评估全程用 bfloat16",
    "evaluate wholly in float16": "评估全程用 float16",
    "TF32 matrix products on Ampere and newer": "在 Ampere 及更新的 GPU 上用 TF32 矩阵乘",
    "recompute activations to save memory; default true": "重算激活值以省显存；默认 true",
    "such as {use_reentrant: false}": "如 {use_reentrant: false}",
    "compile the model; default false": "编译模型；默认 false",
    "such as inductor": "如 inductor",
    "such as max-autotune": "如 max-autotune",
    "fused kernels; needs env.packages: [liger-kernel]": "融合算子；需要 env.packages: [liger-kernel]",
    "which of the fused kernels": "启用哪些融合算子",
    "give cached GPU memory back every so many steps": "每隔多少步归还缓存的显存",
    "keep keys and values in the forward pass; default false": "前向时保留键值缓存；默认 false",
    # train：日志与评估
    "log every so many steps; default 10": "每隔多少步记录一次；默认 10",
    "log the first step too": "第一步也记录",
    "count tokens; costs a gather per step": "统计词元数；每步多一次汇集",
    "trackers to write to beside lt's own metrics; needs them in env.packages": (
        "除 lt 自己的指标外还写入哪些跟踪器；须列入 env.packages"
    ),
    "first evaluation not before so many steps or epochs": "这么多步或轮之后才首次评估",
    "evaluate the loss alone": "只评估损失",
    "what else the metrics function sees: inputs, loss": "指标函数还能看到什么：inputs、loss",
    "compute metrics batch by batch": "逐批计算指标",
    "join evaluation batches; default true": "合并各评估批；默认 true",
    "gather objects from all GPUs when evaluating": "评估时从所有 GPU 汇集对象",
    # train：数据加载
    "processes that load data; default 0": "加载数据的进程数；默认 0",
    "default true": "默认 true",
    "keep loader processes between epochs": "轮与轮之间保留加载进程",
    "batches loaded ahead per loader process": "每个加载进程预取几批",
    "drop an incomplete last batch": "舍去不完整的最后一批",
    "order of rows: random (default), sequential, group_by_length": (
        "数据次序：random（默认）、sequential、group_by_length"
    ),
    "column with row lengths, for group_by_length": "存放行长的列，用于 group_by_length",
    "seed of the row order; default: seed": "数据次序的种子；默认与 seed 相同",
    # train：多 GPU
    "for models with unused parameters": "用于有未使用参数的模型",
    "size of a gradient bucket, MB": "梯度桶的大小，MB",
    "broadcast buffers at each forward pass": "每次前向广播缓冲区",
    "the graph never changes": "计算图不变",
    "nccl, gloo …": "nccl、gloo 等",
    "seconds to wait for another process; default 1800": "等待其他进程的秒数；默认 1800",
    "settings of accelerate, such as {split_batches: true}": "accelerate 的设置，如 {split_batches: true}",
    "slower, bit-equal runs on one kind of GPU": "较慢，但在同种 GPU 上逐位可复现",
}
