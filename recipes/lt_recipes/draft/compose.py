"""From a few answers to a recipe: the gallery's values for the method, laid over by what the machine and data want."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..estimate import Model, advise, estimate
from ..estimate.schedule import schedule
from ..extending import overlaid
from ..loading import PACKAGE, gallery, load, presets
from ..review.host_rules import AMPERE
from ..schema import METHODS, Recipe
from ..schema.sft import TURNS
from ..yaml_source import parse
from .sniff import Guess

UNKNOWN_GPU = 24
"""GB of memory that are assumed where nobody said on which machine it is to run."""
ROOM = 0.9  # of a GPU's memory: an estimate is no promise
_LENGTHS = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
_FEW = 60  # rows below which none are held out
_SAVES = 10  # checkpoints and evaluations in a run


@dataclass(frozen=True)
class Answers:
    """What was asked or found out. `memory`: bytes of one GPU, None where no machine was named, 0 without a GPU."""

    method: str
    model: str
    data: str
    guess: Guess
    adapter: str = "lora"  # lora, qlora, none
    memory: int | None = None
    capability: float | None = None
    rows: int = 0  # 0: nobody looked
    longest: int | None = None  # tokens of nearly all rows
    numbers: bool = False  # all answers are numbers
    answered: bool = False
    known: Model | None = None  # the model's sizes, where its configuration could be read
    context: int | None = None


def compose(answers: Answers) -> dict[str, Any]:
    """The recipe as values, in the order of the gallery's. It passes the schema."""
    values = _from_gallery(answers)
    values |= {"model": _model(answers), "datasets": [_data(answers)]}
    values = overlaid(values, _for_memory(answers, values["train"]))
    values["resources"] = {"gpus": 0 if answers.memory == 0 else 1}
    train = values["train"]
    _length(answers, train)
    if METHODS[answers.method].data_types == ("prompt",):
        values["rewards"] = _rewards(answers)
    if answers.method == "kto" and train["per_device_train_batch_size"] < 2:
        train |= {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 8}
    if answers.rows and answers.rows < _FEW:
        values.pop("eval", None)
        values["save"]["pull"] = "last"
    _fit(answers, values)
    _rhythm(answers, values)
    return values


def _from_gallery(answers: Answers) -> dict[str, Any]:
    names = {entry.name for entry in gallery()}
    name = f"{answers.method}-lora" if f"{answers.method}-lora" in names else answers.method
    if answers.adapter == "none" and answers.method in names:
        name = answers.method
    loaded = load(name, check_paths=False)
    values: dict[str, Any] = loaded.model_dump(mode="json", exclude_unset=True)
    values.pop("description", None)
    if answers.adapter == "none":
        values.pop("adapter", None)
    if answers.guess.type not in TURNS:
        values["train"].pop("assistant_only_loss", None)
    return values


def _model(answers: Answers) -> dict[str, Any]:
    if answers.memory == 0:
        return {"name_or_path": answers.model, "torch_dtype": "float32"}
    old = answers.capability is not None and answers.capability < AMPERE
    # Weights that are trained themselves: 16 bits would round their updates away.
    dtype = "float32" if answers.adapter == "none" else "float16" if old else "bfloat16"
    return {"name_or_path": answers.model, "torch_dtype": dtype}


def _data(answers: Answers) -> dict[str, Any]:
    columns = {"columns": dict(answers.guess.columns)} if answers.guess.columns else {}
    return {"path": answers.data, "type": answers.guess.type, **columns}


def _for_memory(answers: Answers, train: Mapping[str, Any]) -> dict[str, Any]:
    """The preset for so much memory, less what the method has not."""
    if answers.memory == 0:
        return {"train": {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 8, "bf16": None}}
    gigabytes = UNKNOWN_GPU if answers.memory is None else answers.memory / 1e9
    fitting = [name for name in presets() if int(name[:-2]) <= gigabytes * 1.08] or presets()[:1]
    preset = parse((PACKAGE / "presets" / f"{fitting[-1]}.yaml").read_bytes(), fitting[-1]).data
    known = METHODS[answers.method].model_fields["train"].annotation.model_fields  # type: ignore[union-attr]
    kept = {key: value for key, value in preset["train"].items() if key in known}
    four = answers.adapter == "qlora" or (preset["model"].get("load_in_4bit") and answers.adapter == "lora")
    if not four:
        kept.pop("optim", None)
    found: dict[str, Any] = {"train": kept}
    if four:
        found["model"] = {"load_in_4bit": True}
    if answers.capability is not None and answers.capability < AMPERE:
        found["train"] |= {"fp16": True}
    return found


def _length(answers: Answers, train: dict[str, Any]) -> None:
    if "max_length" not in train or not answers.longest:
        return
    wanted = next((length for length in _LENGTHS if length >= answers.longest), _LENGTHS[-1])
    train["max_length"] = min(wanted, train["max_length"], answers.context or wanted)


def _rewards(answers: Answers) -> list[dict[str, Any]]:
    if answers.numbers:
        return [{"type": "numeric", "weight": 1.0}]
    if answers.answered:
        return [{"type": "exact_match", "weight": 1.0, "ignore_case": True}]
    return [{"type": "length", "min": 1, "max": 2000, "weight": 1.0}]


def _fit(answers: Answers, values: dict[str, Any]) -> None:
    """Where the model's sizes are known: 16 bits in place of 4 where they fit, else what makes it fit."""
    if answers.known is None or not answers.memory:
        return
    room = ROOM * answers.memory
    if values["model"].get("load_in_4bit") and answers.adapter != "qlora":
        plain = overlaid(values, {"model": {"load_in_4bit": None}, "train": {"optim": None}})
        if estimate(_valid(plain), answers.known).total <= room:
            values["model"], values["train"] = plain["model"], plain["train"]
    advice = advise(_valid(values), answers.known, room)
    for change in advice.changes or ():
        key, _, text = change.partition("=")
        _set(values, key, parse(text.encode(), "").data)


def _rhythm(answers: Answers, values: dict[str, Any]) -> None:
    """Some ten checkpoints and evaluations in a run, by its number of steps."""
    if not answers.rows:
        return
    plan = schedule(_valid(values), answers.rows)
    if "eval" in values and plan.batch < plan.rows:
        # So many that the rest divides into steps.
        values["eval"]["val_set_size"] = answers.rows - plan.rows + plan.rows % plan.batch
    steps = schedule(_valid(values), answers.rows).steps
    every = max(1, round(steps / _SAVES))
    values["save"]["save_steps"] = every
    if "eval" in values and "eval_steps" in values["eval"]:
        values["eval"]["eval_steps"] = every
    values["train"]["logging_steps"] = min(values["train"].get("logging_steps", 5), max(1, steps // 50))


def _valid(values: dict[str, Any]) -> Recipe:
    return METHODS[values["method"]].model_validate(values)


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    *way, last = key.split(".")
    for part in way:
        values = values.setdefault(part, {})
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value
