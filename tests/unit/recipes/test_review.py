"""What a review finds before a run would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lt_recipes import load
from lt_recipes.estimate import read_model
from lt_recipes.estimate.schedule import schedule
from lt_recipes.review import Counter, Machine, ModelFiles, counter_for, findings, host_findings, survey
from lt_recipes.review.tokens import estimated_tokens

CONFIG = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
CONFIG |= {"num_attention_heads": 4, "vocab_size": 1000, "max_position_embeddings": 512}
WORDS = Counter(lambda texts: [len(text.split()) for text in texts], exact=True)
FILES = ModelFiles(CONFIG, {"pad_token": "<pad>", "eos_token": "</s>"}, has_template=True)

Codes = Callable[..., dict[str, dict[str, Any]]]


@pytest.fixture
def codes(tmp_path: Path) -> Codes:
    """What is found in a recipe over rows: parameters by code."""

    def found(base: str, rows: list[Any], *overrides: str, files: ModelFiles = FILES) -> dict[str, dict[str, Any]]:
        data = tmp_path / "rows.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        recipe = load(base, ["datasets.0.path=rows.jsonl", *overrides], cwd=tmp_path)
        entry = recipe.datasets[0]
        seen = {"datasets.0": survey(data, entry.type, entry.columns, entry.max_samples)}
        told = findings(recipe, seen, files, WORDS, all_seen=True)
        return {item.code: {**item.params, "weight": item.weight, "key": item.key} for item in told}

    return found


def talk(words: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"{words}"}, {"role": "assistant", "content": "w " * words}]}


MANY = [talk(n % 7 + 1) for n in range(400)]
FEW_STEPS = ("save.save_steps=10", "eval.eval_steps=10")


def test_a_sound_recipe_has_no_findings(codes: Codes) -> None:
    rows = [talk(n + 1) for n in range(336)]
    assert codes("sft-lora", rows, *FEW_STEPS, "eval.val_set_size=16", "train.max_length=512") == {}


def test_rows_that_are_cut_are_told_with_their_share(codes: Codes) -> None:
    told = codes("sft-lora", [talk(n) for n in range(100)], "train.max_length=85", *FEW_STEPS)["rows_cut"]
    assert told["share"] == pytest.approx(0.25)  # a word for the question, five tokens a turn
    assert (told["longest"], told["key"]) == (110, "train.max_length")


def test_without_the_tokenizer_the_share_is_said_to_be_an_estimate(tmp_path: Path) -> None:
    assert not counter_for(None).exact and not counter_for(tmp_path).exact
    assert 20 <= estimated_tokens("The quick brown fox jumps over the lazy dog, and then it sleeps. " * 2) <= 40
    assert 6 <= estimated_tokens("今天天气很好，我们出去玩") <= 14


def test_the_models_own_tokenizer_counts_where_it_is_here(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    counter = counter_for(tmp_path)
    assert counter.exact and counter.count(["a b c", "a"]) == [3, 1]


@pytest.mark.parametrize(
    ("tokenizer", "template", "expected"),
    [
        ({"pad_token": "p", "eos_token": "e"}, False, {"no_chat_template"}),
        ({"eos_token": "e"}, True, {"no_pad_token"}),
        ({"bos_token": "b"}, True, {"no_pad_or_eos"}),
    ],
)
def test_what_the_models_tokenizer_lacks(
    codes: Codes, tokenizer: dict[str, str], template: bool, expected: set[str]
) -> None:
    files = ModelFiles(CONFIG, tokenizer, template)
    assert expected <= set(codes("sft-lora", MANY, *FEW_STEPS, "train.max_length=512", files=files))


def pair(n: int, same: bool = False) -> dict[str, str]:
    return {"prompt": f"q{n}", "chosen": f"good {n}", "rejected": f"good {n}" if same else f"bad {n}"}


def marked(n: int, good: bool) -> dict[str, Any]:
    return {"prompt": f"q{n}", "completion": f"a{n}", "label": good}


def asked(n: int, answer: Any = None) -> dict[str, Any]:
    return {"prompt": f"q{n}"} | ({} if answer is None else {"answer": answer})


@pytest.mark.parametrize(
    ("base", "rows", "overrides", "code", "weight"),
    [
        ("dpo-lora", [pair(n, same=n < 9) for n in range(99)], (), "same_answers", "warning"),
        ("kto-lora", [marked(n, True) for n in range(99)], (), "one_sided", "warning"),
        ("kto-lora", [marked(n, n % 4 > 0) for n in range(99)], (), "lopsided", "warning"),
        ("grpo-lora", [asked(n) for n in range(99)], (), "answers_missing", "problem"),
        ("grpo-lora", [asked(n, "4" if n else "four") for n in range(99)], (), "answers_missing", "warning"),
        ("sft", MANY, ("eval.val_set_size=400",), "nothing_left", "problem"),
        ("sft", MANY[:12], (), "batch_above_rows", "warning"),
        ("sft", MANY[:55], (), "rows_left_over", "warning"),
        ("sft", MANY, (), "duplicate_rows", "warning"),
        ("sft", MANY, ("save.save_steps=5000",), "no_checkpoint_before_end", "warning"),
        ("sft", MANY, ("eval.eval_steps=5000",), "no_evaluation", "warning"),
        ("sft", MANY, ("train.warmup_steps=5000",), "all_warmup", "warning"),
        ("sft", MANY, ("train.max_length=1024",), "longer_than_model", "warning"),
        ("sft", MANY, ("eval=null", "save=null", "train.per_device_eval_batch_size=2"), "no_eval_data", "warning"),
        ("sft", MANY, ("train.report_to=wandb",), "tracker_not_named", "warning"),
        ("sft", MANY, ("model.torch_dtype=bfloat16",), "updates_lost", "warning"),
        ("sft", [*MANY, {"messages": [{"role": "user", "content": "a"}]}], (), "nothing_said", "problem"),
        (
            "grpo-lora",
            [asked(n, n) for n in range(99)],
            ("grpo.generation_batch_size=36", "grpo.num_generations=4"),
            "round_not_whole",
            "problem",
        ),
        (
            "grpo-lora",
            [asked(n, n) for n in range(99)],
            ("eval.val_set_size=8", "train.per_device_eval_batch_size=4"),
            "eval_groups",
            "problem",
        ),
        ("grpo-lora", [asked(n, n) for n in range(99)], (), "prompt_too_long", "warning"),
    ],
)
def test_a_finding_of_each_kind(
    codes: Codes, base: str, rows: list[Any], overrides: tuple[str, ...], code: str, weight: str
) -> None:
    assert codes(base, rows, *overrides)[code]["weight"] == weight


def test_updates_of_weights_of_16_bits_are_lost_where_nothing_else_holds_them(codes: Codes) -> None:
    saved = ModelFiles({**CONFIG, "dtype": "bfloat16"}, FILES.tokenizer, has_template=True)
    assert "updates_lost" in codes("sft", MANY, "model.torch_dtype=auto", files=saved)
    assert "updates_lost" not in codes("sft", MANY, "model.torch_dtype=auto")
    sixteen = "model.torch_dtype=bfloat16"
    for words in (["resources.gpus=2", "parallel.strategy=fsdp"], ["train.learning_rate=1e-3"]):
        assert "updates_lost" not in codes("sft", MANY, sixteen, *words)
    assert "updates_lost" not in codes("sft-lora", MANY, sixteen)


def test_a_tracker_that_is_named_in_the_environment_is_no_finding(codes: Codes) -> None:
    assert "tracker_not_named" not in codes("sft", MANY, "train.report_to=wandb", "env.packages=['wandb>=0.20']")


def on(
    recipe: str, *overrides: str, gpu: str = "NVIDIA A100", memory: float = 8e10, disk: int = 10**12, rows: int = 1000
) -> dict[str, str]:
    """Weights by code, on a machine with one GPU."""
    loaded = load(recipe, overrides, check_paths=False)
    gpus = [{"name": gpu, "memory_total": memory}] if gpu else []
    machine = Machine("box", gpus, disk)
    config = {"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28}
    config |= {"num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064}
    model = read_model(config)
    return {item.code: item.weight for item in host_findings(loaded, machine, model, schedule(loaded, rows))}


@pytest.mark.parametrize(
    ("words", "machine", "code", "weight"),
    [
        (("train.bf16=true",), {"gpu": "Tesla V100-SXM2-16GB"}, "bf16_gpu", "problem"),
        ((), {"gpu": "NVIDIA A10"}, "", ""),
        ((), {"gpu": "Tesla T4"}, "bf16_weights_gpu", "warning"),
        ((), {"gpu": "Tesla V100"}, "bf16_weights_gpu", "warning"),
        (("train.tf32=true",), {"gpu": "Tesla V100"}, "tf32_gpu", "problem"),
        (("model.attn_implementation=flash_attention_2",), {"gpu": "Tesla V100"}, "flash_attention_gpu", "problem"),
        (("resources.gpus=2",), {}, "too_few_gpus", "problem"),
        (("resources.gpus=0", "train.fp16=true"), {"gpu": ""}, "fp16_on_cpu", "problem"),
        ((), {"memory": 1.2e10}, "does_not_fit", "problem"),
        (("save.save_total_limit=null", "save.save_steps=1"), {"disk": 10**10}, "disk_too_small", "problem"),
    ],
)
def test_what_the_machine_can_not_do(words: tuple[str, ...], machine: dict[str, Any], code: str, weight: str) -> None:
    told = on("sft-lora", *words, **machine)
    assert told.get(code, "") == weight if code else not told


def test_full_training_in_float16_with_loss_scaling_is_refused() -> None:
    words = ("train.fp16=true", "model.torch_dtype=float16")
    assert on("sft", *words)["fp16_weights"] == "problem"
    assert "fp16_weights" not in on("sft-lora", *words)


def test_checkpoints_that_are_rotated_need_the_room_of_those_that_stay() -> None:
    kept = ("save.save_total_limit=2", "save.pull=last", "model.torch_dtype=bfloat16")
    # A full 7 B model in bfloat16 with Adam: 45.7 GB a checkpoint, 15.2 GB at the end; two and the next one.
    assert "disk_too_small" in on("sft", *kept, disk=150 * 10**9, memory=1e12)
    assert "disk_too_small" not in on("sft", *kept, disk=154 * 10**9, memory=1e12)
