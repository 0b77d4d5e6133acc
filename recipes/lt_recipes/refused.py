"""Keys that people know from elsewhere and that a recipe does not take: what to write instead, or why not.

By block (`train`, `adapter` …; `*` stands for an entry of a list), then key: what is said, and what to do.
"""

from __future__ import annotations

_NO_UPLOAD = ("lt brings checkpoints home and uploads nothing", "leave it out; upload from home when you are content")
_ONE_OUTPUT = ("lt decides where a run writes", "leave it out; the checkpoints come home to runs/<job name>")
_ALL_METRICS = ("lt stores every metric itself", "leave it out; see lt metrics JOB")
_EVAL = "evaluation has its own block"
_SAVE = "checkpoints have their own block"
_PARALLEL = "sharing the work has its own block"
_GONE = "is no longer an argument of transformers 5"

_TRAIN = "it is one of the training's arguments"

REFUSED: dict[str, dict[str, tuple[str, str]]] = {
    "": {
        # What people type first, and LLaMA-Factory's names.
        "lr": (_TRAIN, "write train: {learning_rate: 2e-4}"),
        "epochs": (_TRAIN, "write train: {num_train_epochs: 3}"),
        "batch_size": (_TRAIN, "write train: {per_device_train_batch_size: 2}"),
        "cutoff_len": (_TRAIN, "write train: {max_length: 2048}"),
        "lora_rank": ("the adapter has its own block", "write adapter: {type: lora, r: 16}"),
        "finetuning_type": ("the adapter has its own block", "write adapter: {type: lora, …}"),
        "base_model": ("the model has its own block", "write model: {name_or_path: …}"),
        "model_name_or_path": ("the model has its own block", "write model: {name_or_path: …}"),
        "peft": ("the adapter's block has another name", "write adapter: {type: lora, …}"),
        "lora": ("the adapter's block has another name", "write adapter: {type: lora, …}"),
        "dataset": ("datasets is a list", "write datasets: [{path: …, type: …}]"),
        "data": ("datasets is a list", "write datasets: [{path: …, type: …}]"),
        "output_dir": _ONE_OUTPUT,
    },
    "model": {
        "dtype": ("is called torch_dtype here", "write torch_dtype: bfloat16"),
        "load_in_8bit": ("QLoRA here has 4 bits", "write load_in_4bit: true"),
        "adapter": ("must be the path of an adapter to go on from", "write adapter: {type: lora, …} beside model"),
    },
    "adapter": {
        "lora_alpha": ("is called alpha here", "write alpha: 32"),
        "lora_dropout": ("is called dropout here", "write dropout: 0.05"),
        "rank": ("is called r here", "write r: 16"),
        "lora_r": ("is called r here", "write r: 16"),
        "peft_type": ("is called type here", "write type: lora"),
        "task_type": ("follows from the method", "leave it out"),
        "rslora": ("is called use_rslora here", "write use_rslora: true"),
        "dora": ("is called use_dora here", "write use_dora: true"),
    },
    "datasets.*": {
        "format": ("is called type here", "write type: messages"),
        "file": ("is called path here", "write path: …"),
        "limit": ("is called max_samples here", "write max_samples: 1000"),
        "subset": ("is called name here", "write name: …"),
    },
    "eval": {
        "metric_for_best_model": ("is called metric_for_best here", "write metric_for_best: eval_loss"),
        "eval_strategy": ("follows from eval_steps", "give eval_steps, or leave it out to evaluate after each epoch"),
    },
    "save": {
        "save_strategy": ("follows from save_steps", "give save_steps, or leave it out to save after each epoch"),
        "output_dir": _ONE_OUTPUT,
        "save_only_model": (
            "a checkpoint without the optimizer could not be resumed",
            "leave it out; the finished model is always saved without it",
        ),
    },
    "resources": {
        "num_gpus": ("is called gpus here", "write gpus: 1"),
        "gpu": ("is called gpus here", "write gpus: 1"),
    },
    "env": {
        "vars": ("is called variables here", "write variables: {NAME: value}"),
        "requirements": ("is called packages here", "write packages: [name==version]"),
    },
    "train": {
        "lr": ("is called learning_rate here", "write learning_rate: 2e-4"),
        "epochs": ("is called num_train_epochs here", "write num_train_epochs: 3"),
        "batch_size": ("is called per_device_train_batch_size here", "write per_device_train_batch_size: 2"),
        "cutoff_len": ("is called max_length here", "write max_length: 2048"),
        # Names that were arguments once.
        "warmup_ratio": (_GONE, "write warmup_steps: 0.03; below 1 it is the fraction of all steps"),
        "max_seq_length": ("was renamed by TRL", "write max_length"),
        "overwrite_output_dir": (_GONE, "leave it out; every attempt writes to a folder of its own"),
        "save_safetensors": (_GONE, "leave it out; weights are always saved as safetensors"),
        "logging_dir": (_GONE, "leave it out; see lt metrics JOB"),
        "evaluation_strategy": (_GONE, "write eval: {eval_steps: …}"),
        "no_cuda": (_GONE, "write resources: {gpus: 0}"),
        "use_mps_device": (_GONE, "leave it out"),
        "group_by_length": (_GONE, "write train_sampling_strategy: group_by_length"),
        "jit_mode_eval": (_GONE, "leave it out"),
        "use_ipex": (_GONE, "leave it out"),
        "fp16_opt_level": (_GONE, "write fp16: true"),
        "half_precision_backend": (_GONE, "leave it out"),
        "per_gpu_train_batch_size": (_GONE, "write per_device_train_batch_size"),
        "torchdynamo": (_GONE, "write torch_compile: true"),
        "adafactor": (_GONE, "write optim: adafactor"),
        "tpu_num_cores": (_GONE, "leave it out"),
        "neftune": ("is called neftune_noise_alpha", "write neftune_noise_alpha: 5"),
        "dataset_batch_size": ("was removed by TRL", "leave it out"),
        "num_of_sequences": ("was removed by TRL", "leave it out"),
        "chars_per_token": ("was removed by TRL", "leave it out"),
        "pad_token": ("is deprecated by TRL", "leave it out; the tokenizer's own is used"),
        "use_liger": ("was renamed by TRL", "write use_liger_kernel"),
        # Names with a block of their own.
        "eval_strategy": (_EVAL, "write eval: {eval_steps: …}"),
        "eval_steps": (_EVAL, "write eval: {eval_steps: …}"),
        "eval_on_start": (_EVAL, "write eval: {eval_on_start: true}"),
        "metric_for_best_model": (_EVAL, "write eval: {metric_for_best: eval_loss}"),
        "greater_is_better": (_EVAL, "write eval: {greater_is_better: …}"),
        "do_eval": (_EVAL, "write eval: {val_set_size: 0.05}"),
        "load_best_model_at_end": (_EVAL, "write eval: {load_best_model_at_end: true}"),
        "save_strategy": (_SAVE, "write save: {save_steps: …}"),
        "save_steps": (_SAVE, "write save: {save_steps: …}"),
        "save_total_limit": (_SAVE, "write save: {save_total_limit: 3}"),
        "save_only_model": (
            "a checkpoint without the optimizer could not be resumed",
            "leave it out; the finished model is always saved without it",
        ),
        "seed": ("the seed stands at the top of the recipe", "write seed: 42 there"),
        "model_init_kwargs": ("the model has its own block", "write model: {torch_dtype: …, revision: …}"),
        "trust_remote_code": ("the model has its own block", "write model: {trust_remote_code: true}"),
        "dataset_text_field": ("columns are named by the data set", "write datasets: [{columns: {text: …}}]"),
        "dataset_kwargs": ("rows are prepared by type", "write datasets: [{type: …}]"),
        "use_cpu": ("the CPU is used when no GPU is asked for", "write resources: {gpus: 0}"),
        # What lt does itself, and what would work against it.
        "output_dir": _ONE_OUTPUT,
        "run_name": ("the job's name is the run's name", "leave it out, or use lt submit --name"),
        "project": _ALL_METRICS,
        "trackio_space_id": _ALL_METRICS,
        "trackio_bucket_id": _ALL_METRICS,
        "trackio_static_space_id": _ALL_METRICS,
        "logging_strategy": ("every logging_steps steps is the one way", "write logging_steps: 10"),
        "logging_nan_inf_filter": ("it would hide a loss that became NaN", "leave it out; lt keeps it off"),
        "log_level": ("the worker sets it", "leave it out"),
        "log_level_replica": ("the worker sets it", "leave it out"),
        "log_on_each_node": ("the worker sets it", "leave it out"),
        "disable_tqdm": ("a log has no use for progress bars", "leave it out; see lt ps for the progress"),
        "resume_from_checkpoint": ("lt resumes by itself, from complete checkpoints only", "use lt resume JOB"),
        "ignore_data_skip": ("a resumed run would see rows twice", "leave it out"),
        "restore_callback_states_from_checkpoint": ("the worker keeps that state itself", "leave it out"),
        "enable_jit_checkpoint": ("lt stop and lt pause save already", "leave it out"),
        "auto_find_batch_size": (
            "it would change the effective batch without a word",
            "lower per_device_train_batch_size and raise gradient_accumulation_steps",
        ),
        "skip_memory_metrics": ("memory is sampled by lt", "leave it out"),
        "remove_unused_columns": ("rows are prepared by type", "write datasets: [{columns: …}]"),
        "label_names": ("follows from the method", "leave it out"),
        "parallelism_config": (_PARALLEL, "write parallel: {strategy: fsdp}"),
        "fsdp": (_PARALLEL, "write parallel: {strategy: fsdp}"),
        "fsdp_config": (_PARALLEL, "write parallel: {strategy: fsdp, wrap: […]}"),
        "deepspeed": (_PARALLEL, "write parallel: {strategy: deepspeed, zero_stage: 2}"),
        "dataloader_in_order": ("another order could not be resumed exactly", "leave it out"),
        "dataloader_multiprocessing_context": ("the worker sets it", "leave it out"),
        "save_on_each_node": ("a run has one host", "leave it out"),
        "debug": ("is for people who debug transformers", "leave it out"),
        "do_train": ("a recipe trains", "leave it out"),
        "do_predict": ("a recipe trains", "leave it out"),
        "local_rank": ("processes are started by lt", "write resources: {gpus: 2}"),
        "activation_checkpointing": ("has another name here", "write gradient_checkpointing: true"),
        "activation_checkpointing_kwargs": ("has another name here", "write gradient_checkpointing_kwargs: {…}"),
        "truncation_mode": ("rows are cut at their end, the one way TRL keeps", "leave it out"),
        "push_to_hub": _NO_UPLOAD,
        "hub_token": _NO_UPLOAD,
        "hub_private_repo": _NO_UPLOAD,
        "hub_model_id": _NO_UPLOAD,
        "hub_strategy": _NO_UPLOAD,
        "hub_always_push": _NO_UPLOAD,
        "hub_revision": _NO_UPLOAD,
    },
}
"""What `recipes/` refuses and why; a test holds that `train` speaks of every argument that TRL has."""
REFUSED["eval.datasets.*"] = REFUSED["datasets.*"]

_VLLM = ("writing answers by vLLM is not offered: no one has run it here", "leave it out; see cache_implementation")
_ROLLOUT = {
    "use_vllm": _VLLM,
    "vllm_mode": _VLLM,
    "vllm_model_impl": _VLLM,
    "vllm_enable_sleep_mode": _VLLM,
    "vllm_structured_outputs_regex": _VLLM,
    "vllm_server_base_url": _VLLM,
    "vllm_server_host": _VLLM,
    "vllm_server_port": _VLLM,
    "vllm_server_timeout": _VLLM,
    "vllm_group_port": _VLLM,
    "vllm_gpu_memory_utilization": _VLLM,
    "vllm_max_model_length": _VLLM,
    "vllm_tensor_parallel_size": _VLLM,
    "vllm_importance_sampling_correction": _VLLM,
    "vllm_importance_sampling_mode": _VLLM,
    "vllm_importance_sampling_clip_max": _VLLM,
    "vllm_importance_sampling_clip_min": _VLLM,
    "vllm_importance_sampling_cap": _VLLM,
    "use_transformers_paged": ("was renamed by TRL", "write use_transformers_continuous_batching"),
    "reward_weights": ("each reward has its own weight", "write rewards: [{type: …, weight: 0.5}]"),
    "log_multimodal": ("answers are text here", "leave it out"),
    "log_completions_hub_repo": _NO_UPLOAD,
    "max_tool_calling_iterations": ("tools are not offered yet", "leave it out"),
    "ds3_gather_for_generation": ("follows from parallel", "leave it out"),
    "max_prompt_length": ("was removed by TRL", "leave it out, or shorten the prompts themselves"),
}
REFUSED["grpo"] = REFUSED["gspo"] = REFUSED["rloo"] = _ROLLOUT
REFUSED["ppo"] = {"reward_weights": _ROLLOUT["reward_weights"]}
REFUSED["dpo"] = {"padding_free": ("TRL has it turned off for now", "leave it out")}
REFUSED["orpo"] = {
    "padding_value": ("follows from the tokenizer", "leave it out"),
    "generate_during_eval": ("it writes to a tracker alone", "leave it out"),
    "is_encoder_decoder": ("models here write from left to right", "leave it out"),
}
