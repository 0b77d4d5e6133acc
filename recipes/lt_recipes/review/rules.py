"""A recipe against its data and its model's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..estimate.schedule import Schedule, answers_per_prompt, held_out, rows_per_pass, schedule
from ..schema import Recipe
from .findings import Finding, problem, warning
from .survey import Survey
from .tokens import PER_TURN, Counter

TRACKERS = ("wandb", "mlflow", "trackio", "swanlab", "tensorboard")
_NEEDS_ANSWER = ("exact_match", "numeric", "code")
_UNEVEN = 20  # steps an epoch below which a smaller last step is worth a word
_LOST = {"bfloat16": 1e-4, "float16": 1e-5}
"""Learning rates below which weights of this type, trained themselves, hardly move."""
_LOPSIDED = 4 / 3  # KTO: good to bad answers, weights counted, from 1:1 to 4:3 (arXiv:2402.01306, section 4.2)


@dataclass(frozen=True)
class ModelFiles:
    """What of the model can be read from here; empty where it lies elsewhere."""

    config: Mapping[str, Any] = field(default_factory=dict)  # config.json
    tokenizer: Mapping[str, Any] = field(default_factory=dict)  # tokenizer_config.json
    has_template: bool = False

    @property
    def context(self) -> int | None:
        """The longest row that the model was made for, in tokens."""
        found = (self.config.get("text_config") or self.config).get("max_position_embeddings")
        return found if isinstance(found, int) and not isinstance(found, bool) else None


def findings(
    recipe: Recipe, surveys: Mapping[str, Survey], files: ModelFiles, counter: Counter, *, all_seen: bool
) -> list[Finding]:
    """All that can be told without a host. `surveys` are by key (`datasets.0`); `all_seen`: no data lies elsewhere."""
    train = {key: seen for key, seen in surveys.items() if key.startswith("datasets.")}
    found = list(_lengths(recipe, train, files, counter))
    found += _model(recipe, surveys, files)
    for key, seen in surveys.items():
        found += _data(recipe, key, seen)
    rows = sum(round(seen.rows * recipe.datasets[int(key.split(".")[1])].weight) for key, seen in train.items())
    if all_seen and rows:
        found += _steps(recipe, schedule(recipe, rows), rows)
    found += _rollouts(recipe)
    found += _evaluation(recipe)
    found += _rounding(recipe, files)
    return found + list(_trackers(recipe))


def measured(seen: Survey, counter: Counter) -> list[int]:
    """Tokens of the longest text of each sampled row."""
    texts = [text for row in seen.sample for text, _ in row]
    counts = iter(counter.count(texts))
    return [max(next(counts) + PER_TURN * turns for _, turns in row) for row in seen.sample]


def _lengths(recipe: Recipe, surveys: Mapping[str, Survey], files: ModelFiles, counter: Counter) -> Iterator[Finding]:
    answers = _answer_length(recipe)
    limit = getattr(recipe.train, "max_length", None)
    if limit is None and answers is None and "max_length" not in recipe.train.model_fields_set:
        limit = 1024 if hasattr(recipe.train, "max_length") else None  # TRL's own default
    if limit and files.context and limit > files.context:
        yield warning("longer_than_model", "train.max_length", max_length=limit, limit=files.context)
    for key, seen in surveys.items():
        lengths = measured(seen, counter)
        if not lengths:
            continue
        longest = max(lengths)
        said = {"data": key, "longest": longest, "by": "tokens" if counter.exact else "characters"}
        if answers is not None:
            if files.context and longest + answers > files.context:
                yield warning("prompt_too_long", f"{key}.path", answers=answers, limit=files.context, **said)
            continue
        if limit and longest > limit:
            share = sum(length > limit for length in lengths) / len(lengths)
            code = "rows_cut" if counter.exact else "rows_cut_estimated"
            yield warning(code, "train.max_length", share=share, max_length=limit, **said)


def _answer_length(recipe: Recipe) -> int | None:
    if recipe.data_types != ("prompt",):
        return None
    own = getattr(recipe, recipe.method, None)
    return int(getattr(own, "max_completion_length", None) or getattr(own, "response_length", None) or 512)


def _model(recipe: Recipe, surveys: Mapping[str, Survey], files: ModelFiles) -> Iterator[Finding]:
    if not files.tokenizer:
        return
    name = recipe.model.name_or_path or ""
    chat = any(seen.chat for seen in surveys.values())
    template = files.has_template or getattr(recipe.train, "chat_template_path", None)
    if chat and not template:
        yield warning("no_chat_template", "model.name_or_path", model=name)
    if not files.tokenizer.get("pad_token"):
        if files.tokenizer.get("eos_token") or getattr(recipe.train, "eos_token", None):
            yield warning("no_pad_token", "model.name_or_path", model=name)
        else:
            yield problem("no_pad_or_eos", "model.name_or_path", model=name)


def _data(recipe: Recipe, key: str, seen: Survey) -> Iterator[Finding]:
    if not seen.rows:
        return
    where = f"{key}.path"
    if seen.duplicates:
        yield warning("duplicate_rows", where, count=seen.duplicates, rows=seen.rows)
    if seen.silent and getattr(recipe.train, "assistant_only_loss", None):
        yield problem("nothing_said", where, count=seen.silent, rows=seen.rows)
    if seen.same:
        yield warning("same_answers", where, count=seen.same, rows=seen.rows)
    if seen.type == "unpaired_preference":  # one side alone has been trained with, by TRL's page on KTO
        if not (seen.good and seen.bad):
            yield warning("one_sided", where, there="good" if seen.good else "bad")
        elif recipe.method == "kto":
            own: Any = recipe.kto  # type: ignore[attr-defined]
            good = seen.good * (1 if own.desirable_weight is None else own.desirable_weight)
            bad = seen.bad * (1 if own.undesirable_weight is None else own.undesirable_weight)
            if good and bad and max(good / bad, bad / good) > _LOPSIDED + 1e-9:
                name = "desirable_weight" if good < bad else "undesirable_weight"
                other = max(good, bad) / min(good, bad)
                before = (own.desirable_weight if good < bad else own.undesirable_weight) or 1
                yield warning("lopsided", f"kto.{name}", good=seen.good, bad=seen.bad, name=name, value=before * other)
    if seen.type == "prompt" and key.startswith("datasets."):
        for number, reward in enumerate(getattr(recipe, "rewards", [])):
            missing = seen.rows - (seen.numbers if reward.type == "numeric" else seen.answered)
            if reward.type in _NEEDS_ANSWER and missing:
                told = problem if missing == seen.rows else warning
                yield told(
                    "answers_missing", f"rewards.{number}.type", reward=reward.type, count=missing, rows=seen.rows
                )


def _steps(recipe: Recipe, plan: Schedule, rows: int) -> Iterator[Finding]:
    if recipe.eval.val_set_size and plan.rows <= 0:
        yield problem("nothing_left", "eval.val_set_size", held=held_out(recipe, rows), rows=rows)
        return
    if plan.batch > plan.rows:
        yield warning("batch_above_rows", "train.gradient_accumulation_steps", batch=plan.batch, rows=plan.rows)
    elif plan.rows % plan.batch and plan.per_epoch < _UNEVEN and not getattr(recipe.train, "packing", None):
        left = plan.rows % plan.batch
        yield warning(
            "rows_left_over", "train.gradient_accumulation_steps", batch=plan.batch, rows=plan.rows, left=left
        )
    save, evaluate, warm = recipe.save.save_steps, recipe.eval.eval_steps, recipe.train.warmup_steps
    if save and save >= 1 and save > plan.steps:
        yield warning("no_checkpoint_before_end", "save.save_steps", every=int(save), steps=plan.steps)
    if evaluate and evaluate >= 1 and evaluate > plan.steps:
        yield warning("no_evaluation", "eval.eval_steps", every=int(evaluate), steps=plan.steps)
    if warm and warm >= 1 and warm >= plan.steps:
        yield warning("all_warmup", "train.warmup_steps", warmup=int(warm), steps=plan.steps)


def _rounding(recipe: Recipe, files: ModelFiles) -> Iterator[Finding]:
    """A bfloat16 number has 8 bits of precision: what moves a weight of 0.02 by less than 6e-5 is rounded away, and
    Adam moves it by about the learning rate (arXiv:2010.06192 shows what becomes of it). FSDP and DeepSpeed hold
    float32 by themselves.
    """
    held: str = recipe.model.torch_dtype
    if held == "auto":
        held = str(files.config.get("dtype") or files.config.get("torch_dtype") or "")
    if recipe.adapter is not None or held not in _LOST or recipe.parallel.strategy in ("fsdp", "deepspeed"):
        return
    # Kahan's sum keeps what was rounded away.
    compensated = recipe.train.optim == "stable_adamw" or "kahan" in (recipe.train.optim_args or "")
    rate = recipe.train.learning_rate
    if not compensated and (rate is None or rate < _LOST[held]):
        yield warning("updates_lost", "model.torch_dtype", dtype=held)


def _rollouts(recipe: Recipe) -> Iterator[Finding]:
    own: Any = getattr(recipe, recipe.method, None)
    batch = getattr(own, "generation_batch_size", None)
    if batch and batch % rows_per_pass(recipe):
        key = f"{recipe.method}.generation_batch_size"
        yield problem("round_not_whole", key, batch=batch, rows=rows_per_pass(recipe))
    if recipe.eval.active and recipe.data_types == ("prompt",) and hasattr(own, "num_generations"):
        rows = (recipe.train.per_device_eval_batch_size or 8) * max(1, recipe.resources.gpus)
        wanted = getattr(own, "num_generations_eval", None) or answers_per_prompt(recipe)
        if rows % wanted:
            yield problem("eval_groups", "train.per_device_eval_batch_size", rows=rows, answers=wanted)


def _evaluation(recipe: Recipe) -> Iterator[Finding]:
    if recipe.eval.active:
        return
    unused = [f"eval.{key}" for key in ("metric_for_best", "greater_is_better") if key in recipe.eval.model_fields_set]
    unused += [
        f"train.{key}"
        for key in ("per_device_eval_batch_size", "eval_accumulation_steps", "eval_delay", "eval_packing")
        if getattr(recipe.train, key, None) is not None
    ]
    if unused:
        yield warning("no_eval_data", unused[0], keys=unused)


def _trackers(recipe: Recipe) -> Iterator[Finding]:
    if recipe.env.python is not None:
        return  # that interpreter may have them
    named = {line.split("=")[0].split(">")[0].split("<")[0].split("[")[0].strip() for line in recipe.env.packages}
    for tracker in recipe.train.report_to or ():
        if tracker not in named:
            yield warning("tracker_not_named", "train.report_to", tracker=tracker)
