"""各命令 `--help` 的说明：英文原文（一段一条，空白合一）与中文的对照。"""

from __future__ import annotations

PAGES: dict[str, str] = {
    "Train on any machine you can SSH into.": "在任何能用 SSH 登录的机器上训练。",
    "Add a host once, submit a recipe or a script of yours, watch it, close the laptop: the job goes on, and its "
    "verified checkpoints come home by themselves.": (
        "添加一次主机，提交配方或你自己的脚本，查看进展，合上电脑：任务继续运行，校验过的检查点会自动取回。"
    ),
    "The machines to train on. They stand in hosts.toml, which you may edit by hand, too.": (
        "训练用的主机。它们写在 hosts.toml 中，也可以手工编辑。"
    ),
    "The hosts and how they answer.": "主机及其连接情况。",
    "All that is known of one host: its settings, how it answers, what the last look found.": (
        "一台主机的全部信息：设置、连接情况、上次查看的结果。"
    ),
    "Forget hosts. Nothing on them is touched.": "忘记主机。不改动主机上的任何内容。",
    "Add a host: show its key's fingerprint and ask, log in once, look around. If any of it fails, nothing is added.": (
        "添加主机：显示其密钥指纹并询问，登录一次，查看情况。任何一步失败都不会添加。"
    ),
    "Change a host's settings; what is not named stays. --label and --env add to what is there.": (
        "修改主机的设置；没有提到的保持不变。--label 和 --env 在原有基础上添加。"
    ),
    "Show the key of a host and, after asking, accept it in place of the one known before.": (
        "显示主机的密钥，询问后用它替换以前的密钥。"
    ),
    "Take over hosts (all, or the NAMEs) from ~/.ssh/config: address, user, port, key, jumps.": (
        "从 ~/.ssh/config 导入主机（全部，或指定的 NAME）：地址、用户、端口、密钥、跳板。"
    ),
    "Nothing is contacted: `lt host trust NAME` asks for the key of each, `lt host check NAME` looks around.": (
        "不会连接任何主机：`lt host trust NAME` 逐台确认密钥，`lt host check NAME` 查看情况。"
    ),
    "Log in, look around, and say what is fit for training and what to do about the rest. Without HOST: all of them.": (
        "登录并查看情况，说明能否用于训练、不行的怎么办。不写 HOST 则检查所有主机。"
    ),
    "Exit code 1 if something keeps a host from training, 3 if one can't be reached.": (
        "有主机不能训练时退出码为 1，连不上时为 3。"
    ),
    "Connect to hosts, answering what they ask: password, passphrase, one-time code.": (
        "连接主机，并回答它们的提问：密码、密码短语、一次性验证码。"
    ),
    "Passwords are kept in the background process's memory, never on disk; with --remember in the system's keyring.": (
        "密码只保存在后台进程的内存中，从不写入磁盘；加 --remember 则存入系统钥匙串。"
    ),
    "What HOST is and was: hardware, driver, provider, price, end of lease; a line for each time something changed.": (
        "HOST 现在和以前的情况：硬件、驱动、服务商、价格、租期；每次变化一行。"
    ),
    "Also of a host that you have removed: what it cost still counts.": "已移除的主机也可查看：它的费用仍然计入。",
    "The processes of HOST: those of our jobs, those that use a GPU, and the largest of the rest.": (
        "HOST 上的进程：lt 任务的、使用 GPU 的，以及其余最大的。"
    ),
    "What of ours lies on HOST: environments, data, jobs, agents, with the largest of each first.": (
        "lt 在 HOST 上存了什么：环境、数据、任务、代理程序，各类按大小排列。"
    ),
    "Send HOST all that RECIPE needs: packages for its platform, uv, the model, the data. "
    "For hosts without internet.": (
        "把 RECIPE 所需的一切发送到 HOST：适合其平台的软件包、uv、模型、数据。用于不能上网的主机。"
    ),
    "From then on the host counts as offline (lt host edit HOST --online takes that back): lt submit builds from "
    "what was sent. Repeat it with the same or another recipe at any time; what is there is not sent again.": (
        "此后该主机视为离线（lt host edit HOST --online 可改回）：lt submit 用已发送的内容构建。可随时对同一或其他配"
        "方重复执行；已有的内容不会重发。"
    ),
    "Train by RECIPE (a gallery name or a file) on HOST; prints the job's name.": (
        "在 HOST 上按 RECIPE（自带配方名或文件）训练；输出任务名。"
    ),
    "HOST may be `any`, `any:gpu=a100` (hosts with this label) or several names with commas between: the best of "
    "them is taken, and another one if it is free first.": (
        "HOST 可以是 `any`、`any:gpu=a100`（有此标签的主机）或用逗号分隔的多个名字：选其中最合适的，别的先空出来就换"
        "过去。"
    ),
    "Run COMMAND on HOST in a copy of your working folder as it is now; prints the job's name.": (
        "在 HOST 上、在当前文件夹此刻的副本中运行 COMMAND；输出任务名。"
    ),
    "What .gitignore and .ltignore name stays at home. Lines of JSON that the command appends to $LT_METRICS become "
    "metrics; files that match --pull come home as they are finished.": (
        ".gitignore 和 .ltignore 中的内容不发送。命令向 $LT_METRICS 追加的 JSON 行成为指标；符合 --pull 的文件写完后"
        "会取回。"
    ),
    "The jobs and how far they are, oldest first. A host that does not answer is shown as that, beside the job.": (
        "任务及其进度，旧的在前。主机没有应答时会在任务旁注明。"
    ),
    "Wait until each JOB has ended (or is paused). Exit code 1 if one of them did not succeed.": (
        "等待每个 JOB 结束（或暂停）。有一个没有成功则退出码为 1。"
    ),
    "Where JOB is, how far, how it ended, its checkpoints and what happened.": (
        "JOB 在哪里、进度、如何结束、有哪些检查点、发生过什么。"
    ),
    "What JOB printed, made safe for a terminal. With -f the exit code is 1 if the job failed.": (
        "JOB 的输出，已去除对终端有害的内容。加 -f 时，任务失败则退出码为 1。"
    ),
    "The values that JOB has logged: without NAME a line for each, with NAMEs every step.": (
        "JOB 记录的指标：不写 NAME 每个指标一行，写 NAME 则列出每一步。"
    ),
    "What the recipes of JOBs differ in, how far they came, and the values they reached (last, and lowest).": (
        "各 JOB 的配方有何不同、进度如何、指标达到多少（最后值和最低值）。"
    ),
    "What happened to all jobs, the newest last. `lt show JOB --events` has all of one job's.": (
        "所有任务发生过的事件，最新的在最后。`lt show JOB --events` 显示一个任务的全部事件。"
    ),
    "Ask each JOB to save and end. After its grace it is made to; the record says what it took.": (
        "要求每个 JOB 保存并结束。超过宽限时间则强制结束；记录会写明用了什么手段。"
    ),
    "Ask each JOB to save and free its GPU; `lt resume` goes on from there.": (
        "要求每个 JOB 保存并释放 GPU；`lt resume` 从那里继续。"
    ),
    "Go on with a paused or ended JOB: a new attempt from its newest checkpoint, or --from another.": (
        "继续已暂停或结束的 JOB：从最新检查点开始新的一次尝试，或用 --from 指定另一个。"
    ),
    "Ask for a checkpoint at the next step.": "要求在下一步保存检查点。",
    "Bring home the named checkpoints of JOB, or all that are on its host and not at home yet.": (
        "取回 JOB 指定的检查点；不指定则取回主机上所有尚未取回的。"
    ),
    "Forget each ended JOB and delete its files on the host. What came home stays.": (
        "忘记每个已结束的 JOB，并删除它在主机上的文件。已取回的内容保留。"
    ),
    "Move a waiting JOB up (N above 0) or down (below 0) its host's queue; 0 is usual.": (
        "让等待中的 JOB 在主机队列里提前（N 大于 0）或靠后（小于 0）；平常为 0。"
    ),
    "A point counts as a day's earlier arrival, so that no job waits for ever. Of a running job it counts for its "
    "retries.": ("一点相当于早到一天，所以没有任务会永远等待。对运行中的任务，它在重试时生效。"),
    "Get HOST ready to be given back: nothing new goes there, what runs finishes (or is saved), all comes home.": (
        "准备归还 HOST：不再派新任务，正在运行的运行完（或保存），全部取回。"
    ),
    "Returns 0 when the host can go: nothing of yours runs or waits there, and every checkpoint that is on it is at "
    "home, verified. Ctrl-C only stops the watching.": (
        "可以归还时返回 0：那里没有你的任务在运行或等待，其上每个检查点都已取回并校验。Ctrl-C 只是停止查看。"
    ),
    "Give HOST up for good. Its jobs that have not ended count as lost; --move goes on with them elsewhere.": (
        "彻底放弃 HOST。其上未结束的任务记为丢失；--move 让它们在别处继续。"
    ),
    "A job that has retries left and was submitted to several hosts (any, a label, names) goes on by itself, once "
    "its newest checkpoint is at home.": (
        "还有重试次数、且提交给多台主机（any、标签或多个名字）的任务，在最新检查点取回后会自动继续。"
    ),
    "Should the host come back, what still runs of them is stopped there, so that no job runs twice.": (
        "主机若又回来，其上仍在运行的会被停止，不会有任务运行两遍。"
    ),
    "What takes space on HOST, and what of it is safe to delete; deletes nothing without --yes.": (
        "HOST 上什么占空间，哪些可以安全删除；不加 --yes 不会删除。"
    ),
    "Safe are ended jobs whose checkpoints are all at home, verified, and data, environments and agents that no "
    "unfinished job uses, whoever's it is.": (
        "可以安全删除的是：检查点已全部取回并校验的已结束任务，以及没有任何未完成任务（不论是谁的）使用的数据、环境和"
        "代理程序。"
    ),
    "A deleted job stays known: its log, metrics and checkpoints are at home.": (
        "删除后任务仍可查看：日志、指标和检查点都在本地。"
    ),
    "Know again what is on HOST, or what came home: jobs, logs, metrics, checkpoints. Repeating it changes nothing.": (
        "恢复 HOST 上或已取回的内容：任务、日志、指标、检查点。重复执行没有影响。"
    ),
    "Take over JOB from another laptop: it is followed, pulled and stopped from here, and the other one is told.": (
        "从另一台电脑接管 JOB：由这里跟踪、取回和停止，并告知那台电脑。"
    ),
    "lt ps --all-owners lists other laptops' jobs.": "lt ps --all-owners 列出其他电脑的任务。",
    "A shell on HOST, or in JOB's folder with its interpreter and variables; or one COMMAND there.": (
        "HOST 上的命令行，或 JOB 文件夹里的命令行（带其解释器和变量）；或在那里运行一条 COMMAND。"
    ),
    "Nothing of ~/.ssh/config is used but what was imported. A name that is a host's and a job's means the host.": (
        "除已导入的内容外，不使用 ~/.ssh/config。主机与任务同名时指主机。"
    ),
    "Bring a port of a job's host to this machine: TensorBoard, a served model, a notebook.": (
        "把任务所在主机的端口转到本机：TensorBoard、模型服务、notebook。"
    ),
    "Only this machine's loopback listens, and only programs on the host's loopback are reached. Ctrl-C ends it.": (
        "只在本机回环地址监听，只能访问主机回环地址上的程序。按 Ctrl-C 结束。"
    ),
    "Memory of RECIPE (a gallery name or a file) on each GPU: weights, gradients, optimizer, activations …": (
        "RECIPE（自带配方名或文件）在每块 GPU 上的显存：权重、梯度、优化器、激活 …"
    ),
    "Where runs like it have succeeded, also what they took: memory at the peak, time, and by the host's price the "
    "cost. Exit code 1 if it does not fit the host.": (
        "有同类任务成功过时，还会给出它们的实测：峰值内存、时间，以及按主机价格算出的费用。主机放不下时退出码为 1。"
    ),
    "What to train and how: recipes of the gallery, and yours.": "训练什么、怎么训练：自带的配方和你的配方。",
    "The recipes that are shipped.": "自带的配方。",
    "The text of a gallery recipe, comments and all.": "自带配方的原文，包括注释。",
    "Check a recipe (a file or a gallery name), the data it names and what would come of it.": (
        "检查配方（文件或自带配方名）、它用到的数据，以及运行起来会怎样。"
    ),
    "Problems would make the run fail, or something else than was meant; warnings are worth a look. Exit code 2 "
    "where there is a problem, 0 with warnings alone.": (
        "“问题”会使运行失败或与本意不符；“注意”值得看一看。有问题时退出码为 2，只有注意事项时为 0。"
    ),
    "Train a recipe (a file or a gallery name) for a few steps with a tiny model on the CPU: does it run at all?": (
        "用极小的模型在 CPU 上把配方（文件或自带配方名）训练几步：能不能跑起来？"
    ),
    "The method, its settings, the adapter, the rewards and your data (or shipped data of its type) are the recipe's "
    "own; the model, the batch and the lengths are small.": (
        "方法及其设置、适配器、奖励和数据（你的，或同类型的自带数据）都照配方；模型、批大小和长度则很小。"
    ),
    "Write a recipe of your own: asks for data, method, model and host, and proposes what suits them.": (
        "写一个你自己的配方：询问数据、方法、模型和主机，并给出合适的建议。"
    ),
    "Each question has an option. With --yes, or without a terminal, nothing is asked, and --data is needed.": (
        "每个问题都有对应的选项。加 --yes 或没有终端时不提问，此时必须给出 --data。"
    ),
    "Tokens that jobs need. A recipe names them (secrets: [HF_TOKEN]), as does lt run --secret HF_TOKEN.": (
        "任务需要的令牌。在配方中写名字（secrets: [HF_TOKEN]），或用 lt run --secret HF_TOKEN。"
    ),
    "The value comes from the environment of the lt command, else from the keyring. It reaches the environment of "
    "the training and is written down nowhere else.": (
        "值取自 lt 命令的环境变量，否则取自钥匙串。它只进入训练进程的环境变量，不会写到别处。"
    ),
    "Keep NAME in the system's keyring. The value is asked for, or read from a pipe; it is never an argument.": (
        "把 NAME 存入系统钥匙串。值通过提问或管道读入，从不作为参数。"
    ),
    "The names in the keyring.": "钥匙串中的名字。",
    "Take NAME out of the keyring.": "从钥匙串中去掉 NAME。",
    "Give JOB its secrets again: from the environment, the keyring, or asked for here. With NAMEs, no others.": (
        "再次把机密值交给 JOB：取自环境变量、钥匙串，或在此询问。写了 NAME 则只交给这些。"
    ),
    "For a job that waits for them because its host, or this machine, was restarted. A job that was recovered from a "
    "host, or adopted, gets only those that are named: what it asks for is that host's word.": (
        "用于因主机或本机重启而在等待机密值的任务。从主机恢复或接管来的任务只得到写明的那些："
        "它要求什么，只是那台主机的一面之词。"
    ),
    "Be told when a job ends, fails or hangs, a lease runs out, or a host stays away.": (
        "任务结束、失败、卡住，租期将尽，或主机失联时得到通知。"
    ),
    "Channels stand in config.toml as [notify.NAME]; docs/notify.md has one of each kind.": (
        "渠道写在 config.toml 的 [notify.NAME] 中；docs/notify.md 有每种渠道的示例。"
    ),
    "The channels of config.toml, and what they were told lately.": "config.toml 中的渠道，以及最近的通知。",
    "Tell channel NAME, or all of them, something now; exit code 1 if one could not be told.": (
        "现在就给渠道 NAME（或全部）发一条；有一个发不出则退出码为 1。"
    ),
    "The background process sends it, as it sends everything else.": "由后台进程发送，与其他通知一样。",
    "Who did what, when, and by which command. Rows are only ever added, and each seals those before it.": (
        "谁在何时用哪条命令做了什么。只增不改，每一行都封住它之前的各行。"
    ),
    "What hosts, jobs, recipes or weeks have cost, by the price that held at the time, and what was idle.": (
        "主机、任务、配方或每周的费用（按当时的价格），以及空闲的部分。"
    ),
    "While jobs run side by side they share the host's hours by the GPUs (or slots) they take; hours of a rented "
    "host in which nothing of yours ran are idle. A host's cost is that of its jobs and that of its idle hours.": (
        "同时运行的任务按占用的 GPU（或槽位）分摊主机时间；租用的主机上没有你的任务的时间为空闲。主机费用等于任务费用"
        "加空闲费用。"
    ),
    "How past jobs went, by host, recipe or both: how many succeeded, how long they waited, how fast they were.": (
        "以往任务的情况，按主机、配方或两者：成功多少、等待多久、速度多快。"
    ),
    "The rate of success leaves out what a person stopped. Waiting is from the submit to the first start.": (
        "成功率不计人为停止的任务。等待指从提交到首次开始。"
    ),
    "What was sent to hosts. The same content is never sent to a host twice.": (
        "发送到主机的内容。相同的内容不会向同一主机发送两次。"
    ),
    "The snapshots of data and code, the newest first, and the hosts that have them.": (
        "数据和代码的快照，最新的在前，以及哪些主机上有。"
    ),
    "The background process that talks to the hosts. It starts when it is needed and leaves when nothing is to do.": (
        "与主机通信的后台进程。需要时自动启动，无事可做时退出。"
    ),
    "Run the controller here, in the foreground; it does not leave by itself.": "在前台运行控制器；它不会自行退出。",
    "Start it, unless it runs.": "启动它（如果没有运行）。",
    "Whether it runs, and what it is doing. Exit code 1 if it does not run.": (
        "是否在运行，正在做什么。没有运行则退出码为 1。"
    ),
    "Make it leave. Jobs on the hosts go on; the next command that needs it starts it again.": (
        "让它退出。主机上的任务继续运行；下一条需要它的命令会再次启动它。"
    ),
    "Check this machine: programs, folders, database, inventory, controller. Exit code 1 if something is broken.": (
        "检查本机：程序、文件夹、数据库、主机清单、控制器。有损坏时退出码为 1。"
    ),
    "Train a tiny language model for real on this machine, over SSH where OpenSSH's server is installed.": (
        "在本机真实训练一个极小的语言模型；装有 OpenSSH 服务端时经由 SSH。"
    ),
    "About a minute: the push, the log, the falling loss, the verified checkpoint, and an answer before and after.": (
        "约一分钟：发送、日志、下降的损失、校验过的检查点，以及训练前后的回答。"
    ),
    "Stages that follow each other: a recipe or a command each, with what others of them have made.": (
        "依次运行的阶段：每个是一个配方或一条命令，可以使用其他阶段的产物。"
    ),
    "Everything is checked and fixed when you say run. Stages after the first are submitted by this machine, so they "
    "begin when it is awake; what has begun goes on without it.": (
        "运行时先检查并固定全部内容。后续阶段由本机提交，因此要等本机醒着；已开始的不受影响。"
    ),
    "Run the stages of FILE; prints the pipeline's id. NAME=VALUE gives its params other values.": (
        "运行 FILE 的各阶段；输出流水线的 id。NAME=VALUE 给参数换值。"
    ),
    "All pipelines, oldest first.": "所有流水线，旧的在前。",
    "The graph of PIPELINE (its name or id), with the state of every stage.": (
        "PIPELINE（名字或 id）的图，含各阶段状态。"
    ),
    "Run what has not succeeded of PIPELINE, as it was fixed at its run; a failed training goes on from its newest "
    "checkpoint.": ("按当初固定的内容，运行 PIPELINE 中未成功的部分；失败的训练从最新检查点继续。"),
    "With --file the file is read again: stages that were edited run anew, and all that follows them.": (
        "加 --file 会重新读取文件：改过的阶段及其后续会重新运行。"
    ),
    "Submit nothing more of PIPELINE, and ask what runs of it to save and end.": (
        "不再提交 PIPELINE 的阶段，并要求正在运行的保存后结束。"
    ),
    "Forget PIPELINE. Its jobs, and what they have made, stay.": "忘记 PIPELINE。它的任务及其产物仍在。",
    "One recipe, or a script of yours, tried with many values over all your hosts.": (
        "在你的所有主机上，用多组取值尝试同一个配方或脚本。"
    ),
    "Start the sweep in RECIPE; prints its name. HOSTS is a host, `any`, or several names with commas between.": (
        "开始 RECIPE 中的超参搜索；输出其名字。HOSTS 是一台主机、`any`，或用逗号分隔的多个名字。"
    ),
    "The sweeps, oldest first.": "超参搜索，旧的在前。",
    "The trials of SWEEP as a table, the best of them, and a plot of the values by trial.": (
        "SWEEP 的各次试验（表）、最好的一次，以及各次结果的图。"
    ),
    "Wait until SWEEP is over. Exit code 1 if it was stopped or failed.": "等待 SWEEP 结束。被停止或失败则退出码为 1。",
    "Begin no more trials of SWEEP, and stop those under way, saved first.": (
        "不再开始 SWEEP 的新试验，进行中的保存后停止。"
    ),
    "Go on with SWEEP: trials that were stopped or have failed again, as the jobs they were; then the rest.": (
        "继续 SWEEP：先重做被停止或失败的试验（仍是原来的任务），再做其余的。"
    ),
}
