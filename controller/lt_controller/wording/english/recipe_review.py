"""What `lt recipe check` finds, by code, after `review_`: what it is, and what to do about it."""

PHRASES = {
    "review_rows_cut": (
        "{share:.1%} of the rows of {data} are longer than {max_length} tokens and are cut; the longest has "
        "{longest}. Raise train.max_length, or shorten those rows"
    ),
    "review_rows_cut_estimated": (
        "about {share:.0%} of the rows of {data} are longer than {max_length} tokens and are cut; the longest has "
        "about {longest}. Estimated from characters: the model's tokenizer is not on this machine"
    ),
    "review_longer_than_model": "{max_length} tokens are more than the {limit} that the model was made for",
    "review_prompt_too_long": (
        "a prompt of {data} has {longest} tokens (by {by}); with an answer of {answers} that is more than the "
        "{limit} that the model was made for"
    ),
    "review_no_chat_template": (
        "{model} has no chat template: a plain one is used for conversations, with marks that the model has never "
        "seen. Take the model's instruct version, or name a template: train.chat_template_path"
    ),
    "review_no_pad_token": "{model} has no token for padding: TRL pads with the one that ends a text",
    "review_no_pad_or_eos": (
        "{model} has neither a token for padding nor one that ends a text: give train.eos_token, or another "
        "model.tokenizer"
    ),
    "review_same_answers": (
        "in {count} of {rows} pairs both answers are the same, and nothing can be learned from them"
    ),
    "review_nothing_said": (
        "in {count} of {rows} conversations the assistant says nothing, and train.assistant_only_loss learns from its "
        "turns alone: take these rows out, or write assistant_only_loss: null"
    ),
    "review_one_sided": "all answers are marked {there}: KTO is made for good and bad ones; take a low learning rate",
    "review_lopsided": (
        "{good} good and {bad} bad answers: KTO's paper weighs them to between 1:1 and 4:3. Try kto.{name}={value:.2f}"
    ),
    "review_answers_missing": (
        "the reward {reward} compares with the column answer, and {count} of {rows} rows have none that suits it"
    ),
    "review_nothing_left": "{held} of {rows} rows are held out: none is left to learn from",
    "review_batch_above_rows": "a step learns from {batch} rows and there are only {rows}: each epoch is one step",
    "review_rows_left_over": (
        "{rows} rows do not divide into steps of {batch}: the last step of each epoch learns from {left}"
    ),
    "review_no_checkpoint_before_end": (
        "every {every} steps is more than the {steps} steps that this run has: there is no checkpoint to resume from"
    ),
    "review_no_evaluation": (
        "every {every} steps is more than the {steps} steps that this run has: nothing is evaluated on the way"
    ),
    "review_all_warmup": (
        "{warmup} steps of warm-up, and the run has {steps}: the learning rate never reaches its height. Below 1 "
        "it is a fraction: 0.1"
    ),
    "review_round_not_whole": (
        "{batch} answers at once must be a multiple of the {rows} of one forward pass (per_device_train_batch_size "
        "× GPUs)"
    ),
    "review_eval_groups": (
        "{rows} rows an evaluation pass do not divide into groups of {answers} answers: change it, or "
        "num_generations_eval"
    ),
    "review_no_eval_data": (
        "{keys} have no effect without rows to evaluate on: give eval.val_set_size or eval.datasets"
    ),
    "review_tracker_not_named": (
        "{tracker} is not in env.packages: where the host's environment lacks it, nothing is reported to it"
    ),
    "review_duplicate_rows": "{count} of {rows} rows stand there more than once",
    "review_too_few_gpus": "{host} has {there} GPUs, and {asked} are asked for",
    "review_fp16_on_cpu": "a CPU does not train in float16: leave fp16 out",
    "review_fp16_weights": (
        "fp16 scales the loss and needs weights in float32: write torch_dtype: float32, or train with bf16"
    ),
    "review_bf16_gpu": "{gpu} of {host} has no bfloat16: write fp16: true with torch_dtype: float32",
    "review_bf16_weights_gpu": (
        "{gpu} of {host} computes bfloat16 by emulation, slowly: write float16 under an adapter, else float32"
    ),
    "review_tf32_gpu": "{gpu} has no TF32: leave tf32 out",
    "review_updates_lost": (
        "weights of type {dtype} that are trained themselves lose most of what a learning rate below 1e-4 changes: "
        "write torch_dtype: float32; it computes in 16 bits all the same. Where memory is short: train.optim: "
        "adamw_8bit, or an adapter"
    ),
    "review_flash_attention_gpu": "{gpu} does not run FlashAttention 2: write sdpa",
    "review_does_not_fit": (
        "about {total:size} are needed on each GPU and {host} has {memory:size}. With this it would fit: {changes}"
    ),
    "review_never_fits": (
        "about {total:size} are needed on each GPU and {host} has {memory:size}: take a smaller model, or more GPUs"
    ),
    "review_memory_unknown": (
        "the configuration of {model} can't be read from here: whether memory and disk suffice is not known. lt "
        "estimate --config FILE takes it from a file"
    ),
    "review_disk_too_small": (
        "up to {count} checkpoints of {one:size} need {needed:size} with the finished model, and {host} has "
        "{free:size} free: keep fewer"
    ),
    "review_warning": "warning",
    "review_problem": "problem",
    "review_passed": "{recipe} is fine[; warnings: {warnings}].",
    "review_failed": "{recipe}: problems: {problems}[, warnings: {warnings}].",
}
