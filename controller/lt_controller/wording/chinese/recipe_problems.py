"""配方与数据中的问题：英文句式与中文的对照。`{}` 代表其中的值；次序不同时以 `{0}`、`{1}` 标明。"""

SENTENCES: dict[str, str] = {
    "is not known": "不认识这个键",
    "see docs/recipes.md": "见 docs/recipes.md",
    "did you mean {}?": "是不是想写 {}？",
    "known: {}": "可用的有：{}",
    "known here: {}": "此处可用：{}",
    "put the word in quotes": "请给这个词加引号",
    "must be {}, not {}": "必须是 {}，而不是 {}",
    "a list": "列表",
    "a block of keys": "一组键",
    "empty": "空",
    "is not known here": "这里没有这个键",
    "it belongs to {}: {}.{}": "它属于 {}：{}.{}",
    "it stands at the top": "它应写在最外层",
    "{} is not known": "不认识 {}",
    "is missing": "缺少这一项",
    "must be {} {}, not {}": "必须 {} {}，而不是 {}",
    "must be at least {}, not {}": "不得小于 {}，现在是 {}",
    "must be at most {}, not {}": "不得大于 {}，现在是 {}",
    "must be more than {}, not {}": "必须大于 {}，现在是 {}",
    "must be less than {}, not {}": "必须小于 {}，现在是 {}",
    "must be a whole number, not {}": "必须是整数，而不是 {}",
    "must be a number, not {}": "必须是数字，而不是 {}",
    "must be true or false, not {}": "必须是 true 或 false，而不是 {}",
    "must not be empty": "不能为空",
    "must be text, not {}": "必须是文本，而不是 {}",
    "put it in quotes": "请加引号",
    "must be a list, not {}": "必须是列表，而不是 {}",
    "write [a, b], or one entry a line with a dash before it": "写成 [a, b]，或每行一项、前面加短横",
    "must have at least one entry": "至少要有一项",
    "must be a block of keys, not {}": "必须是一组键，而不是 {}",
    "write the keys below it, indented": "把各键缩进写在它下面",
    "did you mean {}? known: {}": "是不是想写 {}？可用的有：{}",
    "write method: {} (known: {})": "请写 method: {}（可用：{}）",
    "is no recipe": "不是配方",
    "see lt recipe show sft-lora": "参考 lt recipe show sft-lora",
    "did you mean {}? lt recipe ls shows all": "是不是 {}？lt recipe ls 列出全部",
    "lt recipe ls shows the gallery": "lt recipe ls 列出全部配方",
    "shipped: {}; or give the path of a lock file": "自带的有：{}；或给出 lock 文件的路径",
    "is no recipe of the gallery, and no file": "既不是自带配方，也不是文件",
    "is a folder, not a recipe": "是文件夹，不是配方",
    "name the .yaml file in it": "请指明其中的 .yaml 文件",
    "there is no such file": "没有这个文件",
    "is no recipe of the gallery": "不是自带配方",
    "{} is no lock and no file": "{} 既不是自带的 lock，也不是文件",
    "uv pip compile writes such files": "uv pip compile 可生成这种文件",
    "can't be read: {}": "无法读取：{}",
    "give the right one, on the command line as {}=PATH; host:/path is a path on the host": (
        "请给出正确的路径，可在命令行写 {}=路径；host:/路径 表示主机上的路径"
    ),
    "is not there: looked for {}": "找不到：已查找 {}",
    "{} must be an absolute path on the host: host:/data/train.jsonl": (
        "{} 必须是主机上的绝对路径：host:/data/train.jsonl"
    ),
    "{} must name a job: job:sft-lora-k3x9qp, or one of its checkpoints: job:sft-lora-k3x9qp/checkpoint-400": (
        "{} 必须指明任务：job:sft-lora-k3x9qp，或它的检查点：job:sft-lora-k3x9qp/checkpoint-400"
    ),
    "{} is neither a file nor a folder": "{} 既不是文件也不是文件夹",
    "write train.learning_rate=1e-4 or datasets.0.path=data/mine.jsonl": (
        "请写成 train.learning_rate=1e-4 或 datasets.0.path=data/mine.jsonl"
    ),
    "the first is {}.0, and {}.{} adds one": "第一项是 {}.0，{}.{} 则新增一项",
    "{} is a single value, not a block": "{} 是单个值，不是一组键",
    "{} is no key=value": "{} 不是 键=值",
    "must name a recipe or a list of recipes": "必须是配方名或配方名列表",
    "write extends: sft-lora": "请写 extends: sft-lora",
    "{} leads back to itself": "{} 绕回了自己",
    "{} is no recipe": "{} 不是配方",
    "no valid YAML: {}": "不是有效的 YAML：{}",
    "check the indentation, brackets and quotes around this line": "请检查这一行附近的缩进、括号和引号",
    "a tab stands where YAML wants spaces": "YAML 要空格的地方用了制表符",
    "indent with spaces": "请用空格缩进",
    "a second colon in one line": "一行里有第二个冒号",
    "put text that contains ': ' in quotes": "含 ': ' 的文本请加引号",
    "a second document begins here": "这里开始了第二个文档",
    "one recipe per file": "一个文件一个配方",
    "a value that begins with * needs quotes": "以 * 开头的值要加引号",
    "is larger than {} KiB, too large for a recipe": "大于 {} KiB，作为配方太大了",
    "the tag {} is not for recipes": "配方中不能用标签 {}",
    "write the plain value": "请直接写值",
    "is not UTF-8": "不是 UTF-8",
    "save the file as UTF-8": "请把文件存为 UTF-8",
    "holds a character that YAML forbids: U+{}": "含有 YAML 不允许的字符：U+{}",
    "is nested too deeply": "嵌套太深",
    "stands for too many values": "展开后的值太多",
    "use fewer aliases": "请少用别名",
    "a key must be text, not {}": "键必须是文本，而不是 {}",
    "is there twice, first in line {}": "重复出现，第一次在第 {} 行",
    "keep one of them": "请只留一个",
    "<< takes a block, or a list of blocks": "<< 后面应是一组键或其列表",
    "{} is no number to train with": "{} 不能作为训练用的数字",
    "holds half a surrogate pair, which is no character": "含有半个代理对，不成字符",
    "{} is not what its tag says": "{} 与它的标签不符",
    "a row must be an object with columns, not {}": "一行必须是带列的对象，而不是 {}",
    "input must be text, not {}": "input 必须是文本，而不是 {}",
    "label must be true or false, not {}": "label 必须是 true 或 false，而不是 {}",
    "answer must be text or a number, not {}": "answer 必须是文本或数字，而不是 {}",
    "{} must be a list of turns, not {}": "{} 必须是对话轮次的列表，而不是 {}",
    "holds no data file": "其中没有数据文件",
    "jsonl, json, csv and parquet are known": "可用 jsonl、json、csv 和 parquet",
    "{} is no data format": "{} 不是数据格式",
    "use jsonl, json, csv or parquet": "请用 jsonl、json、csv 或 parquet",
    "holds no rows": "没有数据行",
    "{} must be text, not {}": "{} 必须是文本，而不是 {}",
    "history must be a list of [question, answer] pairs": "history 必须是 [问, 答] 对的列表",
    "there is no prompt as a list of turns, and no turn that chosen and rejected share": (
        "没有以轮次列表给出的 prompt，chosen 与 rejected 也没有共同的开头"
    ),
    "turn {} of {} must be an object with {} and {}": "{1} 的第 {0} 轮必须是含 {2} 与 {3} 的对象",
    "turn {} of {}: {} {} is not known": "{1} 的第 {0} 轮：不认识 {2} {3}",
    "turn {} of {}: {} must be text, not {}": "{1} 的第 {0} 轮：{2} 必须是文本，而不是 {3}",
    "{} holds half a surrogate pair, which is no character": "{} 含有半个代理对，不成字符",
    "there is no column {}": "没有列 {}",
    "must be a list of rows, not {}": "必须是行的列表，而不是 {}",
    "one JSON object a line": "每行一个 JSON 对象",
    "is no JSON: {} (column {})": "不是 JSON：{}（第 {} 列）",
    "one object a line belongs in a .jsonl file": "每行一个对象的应存为 .jsonl",
    "is no JSON: nested too deeply, or a number too long": "不是 JSON：嵌套太深，或数字太长",
    "is no CSV: {}": "不是 CSV：{}",
    "is longer than {} MiB": "长于 {} MiB",
    "one row a line": "每行一条",
    "is UTF-16": "是 UTF-16",
    "this is a JSON array: name the file .json, or write one object a line": (
        "这是 JSON 数组：请改名为 .json，或每行写一个对象"
    ),
    "has {} columns, the header {}": "有 {} 列，而表头有 {} 列",
    "is not UTF-8 (byte {} of the line)": "不是 UTF-8（该行第 {} 字节）",
    "row {}: {}": "第 {} 行：{}",
    "found columns {}; this looks like type: {}": "现有的列：{}；看起来是 type: {}",
    "found columns {}": "现有的列：{}",
    "found no columns": "没有列",
    "user, assistant, system and tool are known": "可用 user、assistant、system 和 tool",
    "null": "null",
    "true or false": "真假值",
    "text": "文本",
    "a number": "数字",
    "empty text": "空文本",
    "empty list": "空列表",
    "an object": "对象",
    "must be a whole number of {}, or a fraction of all {} below 1": "必须是 {} 的整数，或占全部 {} 的比例（小于 1）",
    "must be a name or a list of names": "必须是名字或名字列表",
    "must be a duration between 0 and 10 years": "必须是 0 到 10 年之间的时长",
    "must be a size between 0 and 1 EiB": "必须是 0 到 1 EiB 之间的大小",
    "must be a number, not true or false": "必须是数字，而不是 true 或 false",
    "must be text: put it in quotes": "必须是文本：请加引号",
    "must not contain a null byte": "不能含空字节",
    "must be a duration such as 90s, 10m or 1h30m": "必须是时长，例如 90s、10m 或 1h30m",
    "must be a size such as 500MB or 20GiB": "必须是大小，例如 500MB 或 20GiB",
    "columns: type {} has no {}; it has {}": "columns：类型 {} 没有 {}，它有 {}",
    "loss_weights needs a weight for each of the {} losses": "loss_weights 要为 {} 个损失各给一个权重",
    "loss_type exo_pair needs a label_smoothing above 0: its paper (EXO) takes 1e-3": (
        "loss_type exo_pair 需要大于 0 的 label_smoothing：论文（EXO）用 1e-3"
    ),
    "use_weighting does not go with aot, which sorts the rows": "use_weighting 不能与会重新排序的 aot 同用",
    "train.per_device_train_batch_size must be at least 2: kto compares answers with those of other rows": (
        "train.per_device_train_batch_size 至少为 2：kto 要与其他行的回答比较"
    ),
    "give either name_or_path or train_from": "name_or_path 与 train_from 二选一",
    "give either name_or_path or from_config": "name_or_path 与 from_config 二选一",
    "{} ends before it begins": "{} 的结尾在开头之前",
    "type {} has another name here: {}": "类型 {} 在这里另有写法：{}",
    "from_config needs model_type, such as llama or qwen2": "from_config 需要 model_type，例如 llama 或 qwen2",
    "a model built by from_config needs a tokenizer block": "由 from_config 构建的模型需要 tokenizer 一节",
    "load_in_4bit is for a pretrained model, not for from_config": "load_in_4bit 用于预训练模型，不用于 from_config",
    "revision is for a model of the hub, not for from_config": "revision 用于 hub 上的模型，不用于 from_config",
    "{} is not for an adapter of type {}": "{} 不适用于类型 {} 的适配器",
    "{} is not for strategy {}": "{} 不适用于策略 {}",
    "adap_kl_ctrl multiplies kl_coef, so it must be above 0": "adap_kl_ctrl 会乘以 kl_coef，因此它必须大于 0",
    "eval.metric_for_best: ppo has no loss on held-out prompts: write eval_reward": (
        "eval.metric_for_best：ppo 在留出的提示上没有损失，请写 eval_reward"
    ),
    "{} is for adap_kl_ctrl: true": "{} 只用于 adap_kl_ctrl: true",
    "must be the name of an environment variable, such as HF_TOKEN; the value never stands here": (
        "必须是环境变量名，例如 HF_TOKEN；值不写在这里"
    ),
    "model.load_in_4bit needs an adapter: weights of 4 bits can't be trained themselves": (
        "model.load_in_4bit 需要适配器：4 位权重本身不能训练"
    ),
    "adapter.type: ptuning is for sft alone; {} takes lora or lokr": (
        "adapter.type：ptuning 只用于 sft；{} 用 lora 或 lokr"
    ),
    "parallel.processes: with {} GPUs there are {}; leave it out": (
        "parallel.processes：{} 张 GPU 就是 {} 个进程，不必写"
    ),
    "parallel.strategy: {} needs GPUs (accelerate gives it to no CPU): write ddp": (
        "parallel.strategy：{} 需要 GPU（accelerate 不支持 CPU），请写 ddp"
    ),
    "parallel.strategy: ppo lets a whole model write answers, so not {}: write ddp": (
        "parallel.strategy：ppo 要由完整的模型生成回答，不能用 {}，请写 ddp"
    ),
    "parallel.strategy: deepspeed needs its package: write env: {packages: [deepspeed]}": (
        "parallel.strategy：deepspeed 需要它的包，请写 env: {packages: [deepspeed]}"
    ),
    "parallel.activation_checkpointing needs train: {gradient_checkpointing: false}": (
        "parallel.activation_checkpointing 需要 train: {gradient_checkpointing: false}"
    ),
    "save.pull: best needs an evaluation: give eval.val_set_size or eval.datasets": (
        "save.pull: best 需要评估：请设置 eval.val_set_size 或 eval.datasets"
    ),
    "{}.{}.type: {} learns from {}, not {}": "{}.{}.type：{} 要用 {}，而不是 {}",
    "a reward of type {} needs {}": "类型 {} 的奖励需要 {}",
    "a reward of type {} has no {}; its keys: {}": "类型 {} 的奖励没有 {}；它的键：{}",
    "base_url must begin with http:// or https://": "base_url 必须以 http:// 或 https:// 开头",
    "{} is no regular expression: {}": "{} 不是正则表达式：{}",
    "{}: give generation_batch_size or steps_per_generation, not both": (
        "{}：generation_batch_size 与 steps_per_generation 只写一个"
    ),
    (
        "{}.num_generations {} must divide the {} answers of a round (per_device_train_batch_size × GPUs × gr"
        "adient_accumulation_steps)"
    ): (
        "{}.num_generations {} 必须整除一轮的 {} 个回答（per_device_train_batch_size × GPU 数 × gradient_accu"
        "mulation_steps）"
    ),
    "give val_set_size or datasets, not both": "val_set_size 与 datasets 只写一个",
    "eval_on_start needs rows to evaluate on: give val_set_size or datasets": (
        "eval_on_start 需要评估数据：请设置 val_set_size 或 datasets"
    ),
    "must be an absolute path on the host, such as /opt/conda/bin/python": (
        "必须是主机上的绝对路径，例如 /opt/conda/bin/python"
    ),
    "give python (use that interpreter) or lock (build a new one), not both": (
        "python（用现成的解释器）与 lock（新建环境）只写一个"
    ),
    "{} needs rows to evaluate on: give val_set_size or datasets": "{} 需要评估数据：请设置 val_set_size 或 datasets",
    "{} is no requirement; write name==version": "{} 不是依赖写法，请写 名字==版本",
    "{} is no name of an environment variable": "{} 不是环境变量名",
    "{} is set by lt itself": "{} 由 lt 自己设置",
    "{} looks like a secret; a recipe is stored and sent as it is, so keep it out": (
        "{} 像是机密；配方会原样保存和发送，请不要写在里面"
    ),
    "bf16 and fp16 are two ways of one thing: choose one": "bf16 与 fp16 是同一件事的两种做法，请选一个",
    "columns: rewards can't be called with {}: give it another name": "columns：奖励函数不能用 {} 作参数：请换一个名字",
    "model.adapter and adapter.path name two adapters: leave one out": (
        "model.adapter 与 adapter.path 指了两个适配器：请去掉一个"
    ),
    "train.assistant_only_loss: rows of type text have no turns: write null": (
        "train.assistant_only_loss：类型 text 的样本没有对话轮次：请写 null"
    ),
}
