"""超参搜索与命令配方中的问题：英文句式与中文的对照，写法同 recipe_problems。"""

SENTENCES: dict[str, str] = {
    "can't be taken apart into words: {}": "无法拆分成词：{}",
    "must be a command or a list of its words": "必须是一条命令，或其各个词的列表",
    "must be text, a number, true or false": "必须是文本、数字、true 或 false",
    "command: {} in braces is no parameter (known: {})": "command：花括号中的 {} 不是参数（已有：{}）",
    "{} in braces is no parameter (known: {})": "花括号中的 {} 不是参数（已有：{}）",
    "parameters.{}: no word names it in braces, so it would change nothing": (
        "parameters.{}：没有任何词用花括号引用它，因此不起作用"
    ),
    "no word names it in braces, so it would change nothing": "没有任何词用花括号引用它，因此不起作用",
    "{} names no number: put a name in braces in its place": "{} 没有指明数字：请在数字处写上花括号中的名称",
    "{} names {} twice": "{} 中 {} 出现了两次",
    "is a recipe for a command: it has no training": "是命令的配方，不含训练",
    "lt recipe check and lt submit take it": "可用 lt recipe check 与 lt submit",
    "direction: say whether {} is better high: direction: maximize": (
        "direction：请说明 {} 是否越大越好：direction: maximize"
    ),
    "say whether {} is better high: direction: maximize": "请说明 {} 是否越大越好：direction: maximize",
    "must have values to try, in a grid ({}) or a search, not both": "必须有要尝试的取值：网格（{}）或搜索，二者取一",
    "must hold single values; a block of values is swept key by key": "必须是单个的值；一组键请逐键搜索",
    "must name the lower bound first, not {} and {}": "必须先写下界，而不是 {} 和 {}",
    "must begin above 0 for a logarithm, not at {}": "取对数时必须大于 0，而不是 {}",
    "must say one of choice, uniform, log, integer, log_integer: {}": (
        "必须写明 choice、uniform、log、integer、log_integer 之一：{}"
    ),
    "must say where its values come from": "必须写明取值的来源",
    "must be a list of the values to try": "必须是要尝试的取值的列表",
    "must be a block of keys": "必须是一组键",
    "pruner: pruning needs a metric": "pruner：剪枝需要指标",
    "pruning needs a metric": "剪枝需要指标",
    "trials: a grid has as many as its values make; leave it out": "trials：网格的次数由取值决定，请去掉",
    "a grid has as many as its values make; leave it out": "网格的次数由取值决定，请去掉",
    "{}: a search needs it: trials: 20, metric: eval_loss": "{}：搜索需要它：trials: 20, metric: eval_loss",
    "a search needs it: trials: 20, metric: eval_loss": "搜索需要它：trials: 20, metric: eval_loss",
    "{} has no values": "{} 没有取值",
    "has no values": "没有取值",
    "{} has the same value twice": "{} 中有重复的取值",
    "has the same value twice": "有重复的取值",
    "is the same for all trials": "对所有试验都相同",
    "sweep a value, not the kind of recipe": "请搜索取值，而不是配方的种类",
    "is there twice": "出现了两次",
    "keep one of them": "请保留其中一个",
    "lies inside {}, which is swept as a whole": "位于 {} 之内，而后者已被整体搜索",
    "makes {} trials, and {} are the most": "共有 {} 次试验，最多 {} 次",
    "take fewer values, or a search": "请减少取值，或改用搜索",
    "{} is no folder": "{} 不是文件夹",
}
