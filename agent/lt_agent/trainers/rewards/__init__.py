"""The recipe's `rewards:` as functions that TRL calls: built in, a file of the person's, a reward model, a judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional, Sequence

from ..failures import TrainingFailure
from ..job import WorkerJob
from .text import SCORES

Score = Optional[float]
RewardFunction = Callable[..., List[Score]]


def trainer_rewards(job: WorkerJob, tokenizer: Any) -> dict[str, Any]:
    """The arguments `reward_funcs` and `reward_processing_classes` of TRL's trainers.

    Each function is named as the recipe names the reward: TRL's metric is `rewards/<name>/mean`. Their weights are
    among the trainer's arguments (`reward_weights`). Raises TrainingFailure `bad_recipe`.
    """
    functions: list[Any] = []
    tokenizers: list[Any] = []
    for entry, name in zip(entries(job), names(entries(job))):
        if entry["type"] == "model":
            model, own = _reward_model(str(entry["name_or_path"]), tokenizer)
            model.config.name_or_path = name  # TRL names the metric by the last part of it
            functions.append(model)
            tokenizers.append(own)
        else:
            functions.append(reward_function(entry, name, job))
            tokenizers.append(None)
    return {"reward_funcs": functions, "reward_processing_classes": tokenizers}


def entries(job: WorkerJob) -> list[Mapping[str, Any]]:
    """The recipe's rewards. Raises TrainingFailure `bad_recipe` where it has none."""
    found: list[Mapping[str, Any]] = [dict(entry) for entry in job.recipe.get("rewards") or []]
    if not found:
        raise TrainingFailure("bad_recipe", f"method {job.method} needs rewards: what a good answer is")
    return found


def names(rewards: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name per reward: its own, else its type; numbered where two would be the same."""
    found: list[str] = []
    for entry in rewards:
        name = base = str(entry.get("name") or entry["type"])
        number = 1
        while name in found:
            number += 1
            name = f"{base}_{number}"
        found.append(name)
    return found


def reward_function(entry: Mapping[str, Any], name: str, job: WorkerJob) -> RewardFunction:
    """One reward as TRL calls it: lists of prompts, completions and the data's columns in, a number per answer out."""
    kind = entry["type"]
    if kind == "python":
        from .own import load_function

        return _named(load_function(str(entry["path"]), str(entry.get("function") or "reward")), name)
    if kind == "judge":
        from .judge import Judge

        judge = Judge(entry, job.paths.path / f"judge-{name}.jsonl")
        return _named(_each_at_once(judge.scores), name)
    if kind == "code":
        from .sandbox import Sandbox

        return _named(_each_at_once(Sandbox(entry).scores), name)
    if kind not in SCORES:
        raise TrainingFailure("bad_recipe", f"rewards: type {kind!r} is unknown to this agent")
    score = SCORES[kind](entry)

    def function(completions: Sequence[Any], answer: Sequence[Any] | None = None, **_: Any) -> list[Score]:
        answers = answer if answer is not None else [None] * len(completions)
        return [score(text_of(completion), one) for completion, one in zip(completions, answers)]

    return _named(function, name)


def text_of(value: Any) -> str:
    """The words of a completion or prompt: plain text, or the last of its messages."""
    if isinstance(value, str):
        return value
    return str(value[-1].get("content") or "") if value else ""


def conversation(value: Any) -> str:
    """A prompt as one text; several messages one below the other, each with its role."""
    if isinstance(value, str):
        return value
    if len(value) == 1:
        return str(value[0].get("content") or "")
    return "\n".join(f"{message.get('role')}: {message.get('content')}" for message in value)


def _each_at_once(scores: Callable[[List[str], List[str], List[Any]], List[Score]]) -> RewardFunction:
    def function(
        prompts: Sequence[Any], completions: Sequence[Any], answer: Sequence[Any] | None = None, **_: Any
    ) -> list[Score]:
        answers = list(answer) if answer is not None else [None] * len(completions)
        return scores([conversation(p) for p in prompts], [text_of(c) for c in completions], answers)

    return function


def _named(function: RewardFunction, name: str) -> RewardFunction:
    def named(*args: Any, **kwargs: Any) -> list[Score]:
        return function(*args, **kwargs)

    named.__name__ = name
    return named


def _reward_model(place: str, tokenizer: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from ..hub import find_on_hub
    from ..models import base_of, is_adapter

    under = base_of(Path(place)) if is_adapter(place) else place
    if under is None:
        raise TrainingFailure("model_not_found", f"rewards: {place} is an adapter, and nothing says of which model")
    find_on_hub(under, None)
    model: Any = AutoModelForSequenceClassification.from_pretrained(under, num_labels=1, dtype="auto")
    if under != place:
        from peft import PeftModel

        # The output layer, which was trained beside the adapter, comes with it.
        model = PeftModel.from_pretrained(model, place).merge_and_unload()
    own = AutoTokenizer.from_pretrained(place)
    if own.pad_token is None:
        own.pad_token = own.eos_token
    model.config.get_text_config().pad_token_id = own.pad_token_id
    if own.chat_template is None:
        own.chat_template = tokenizer.chat_template
    return model.eval(), own
