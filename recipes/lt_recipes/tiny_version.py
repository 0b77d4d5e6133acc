"""Any recipe on a tiny model, a few rows and a CPU: what `lt recipe test` runs, in well under a minute.

It holds the recipe's method, data types, adapter, losses, rewards and schedules. What it can't hold: the memory, the
pretrained model and its chat template, and what needs a GPU (4 bits, paged and 8-bit optimizers, flash attention).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .paths import find
from .problems import Problem, RecipeError
from .schema import METHODS, Recipe

PACKAGE = Path(__file__).resolve().parent
STEPS = 6

SHIPPED = {
    "text": "gpu_box_notes.jsonl",
    "prompt_completion": "gpu_box_pairs.jsonl",
    "alpaca": "gpu_box_alpaca.jsonl",
    "sharegpt": "gpu_box_talks.jsonl",
    "messages": "gpu_box_qa.jsonl",
    "preference": "gpu_box_preference.jsonl",
    "unpaired_preference": "gpu_box_marked.jsonl",
    "prompt": "sums.jsonl",
}
"""The shipped data of a type, for recipes whose own is not here."""

_MODEL = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}
_NEEDS_GPU = (
    "optim",
    "optim_args",
    "use_liger_kernel",
    "liger_kernel_config",
    "tf32",
    "fp16",
    "bf16",
    "torch_compile",
    "report_to",
)
_MANY_GPUS = ("accelerator_config", "dataloader_num_workers")
_ELSEWHERE = ("model", "judge")  # rewards that need what a test has not


def tiny_version(recipe: Recipe, cwd: Path) -> Recipe:
    """The recipe to run instead. Data that is here is taken from here, other data of the same type from the package.

    Raises RecipeError where there is neither.
    """
    values: dict[str, Any] = recipe.model_dump(mode="json")
    folders = [cwd] + ([recipe.folder] if recipe.folder else [])
    for number, entry in enumerate(values["datasets"]):
        entry |= _data(entry, folders, f"datasets.{number}")
    values["eval"] = {**values["eval"], "datasets": [], "eval_steps": None, "early_stopping_patience": None}
    if recipe.eval.active:
        values["eval"] |= {"val_set_size": 4, "eval_steps": STEPS // 2}
    values["model"] = {
        "from_config": dict(_MODEL),
        "tokenizer": {"train_from": values["datasets"][0]["path"], "vocab_size": 512},
        "torch_dtype": "float32",
    }
    values["train"] = _train(values["train"])
    values["save"] = {"save_steps": STEPS // 2, "pull": values["save"]["pull"]}
    values |= {"resources": {"gpus": 0}, "parallel": {}, "env": {}, "timeout": None}
    _method(values, recipe)
    _adapter(values)
    return METHODS[recipe.method].model_validate(values)


def _data(entry: dict[str, Any], folders: list[Path], key: str) -> dict[str, Any]:
    path = find(entry["path"], folders)
    if path is not None:
        return {"path": str(path), "max_samples": min(48, entry.get("max_samples") or 48)}
    if entry["type"] not in SHIPPED:
        hint = "put some rows of yours there; shipped are " + ", ".join(SHIPPED)
        raise RecipeError([Problem("", None, f"{key}.path", f"no data of type {entry['type']} is shipped", hint)])
    return {"path": str(PACKAGE / "data" / SHIPPED[entry["type"]]), "max_samples": 48, "columns": {}, "split": "train"}


def _train(train: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in train.items() if key not in (*_NEEDS_GPU, *_MANY_GPUS)}
    kept.pop("num_train_epochs", None)
    rows = min(4, int(kept.get("per_device_train_batch_size") or 4))
    kept |= {"max_steps": STEPS, "logging_steps": 1, "per_device_train_batch_size": max(2, rows)}
    kept |= {"gradient_accumulation_steps": min(2, int(kept.get("gradient_accumulation_steps") or 1))}
    if kept.get("max_length"):
        kept["max_length"] = min(256, kept["max_length"])
    return kept


def _method(values: dict[str, Any], recipe: Recipe) -> None:
    own = values.get(recipe.method)
    if recipe.data_types != ("prompt",) or not isinstance(own, dict):
        return
    passes = values["train"]["gradient_accumulation_steps"]
    if recipe.method == "ppo":
        own |= {"response_length": 16, "local_rollout_forward_batch_size": 16}
        own["num_ppo_epochs"] = min(2, own.get("num_ppo_epochs") or 2)
        own["num_mini_batches"] = 1
    else:
        own |= {"num_generations": 2, "max_completion_length": 16}
    for key in ("generation_batch_size", "num_generations_eval"):
        own.pop(key, None)
    if own.get("steps_per_generation"):
        own["steps_per_generation"] = 2 * passes
    values["rewards"] = [entry for entry in values["rewards"] if entry["type"] not in _ELSEWHERE] or [
        {"type": "length", "min": 4}
    ]
    folders = [recipe.folder] if recipe.folder else []
    for entry in values["rewards"]:
        if entry["type"] == "python":
            entry["path"] = str(find(entry["path"], [Path.cwd(), *folders]) or entry["path"])


def _adapter(values: dict[str, Any]) -> None:
    adapter = values.get("adapter")
    if not adapter:
        return
    adapter["path"] = None
    if adapter["type"] != "ptuning":
        adapter["r"] = min(8, adapter["r"])
    if adapter.get("layers_to_transform"):
        adapter["layers_to_transform"] = [0]
