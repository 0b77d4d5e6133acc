"""What Optuna is asked: the next values of a search, and how much each value matters. It keeps nothing.

Each question builds the study anew from the trials in our database, so that they alone are the truth. Importing this
is cheap; calling it imports Optuna (about a second).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lt_agent.protocol.errors import LtError

if TYPE_CHECKING:
    from lt_recipes.schema.sweep import SpaceSection, SweepSection

COMPLETE, PRUNED, AT_WORK = "complete", "pruned", "at_work"
FEW = 4  # complete trials below which nobody can tell what matters


@dataclass(frozen=True)
class Past:
    """A trial as a search learns from it. One that failed taught nothing, and is left out."""

    params: Mapping[str, Any]
    state: str = COMPLETE
    value: float | None = None
    steps: Mapping[int, float] = field(default_factory=dict)


def check_optuna() -> None:
    """Raises LtError `optuna_missing` where a search could not be made."""
    from importlib.util import find_spec

    if find_spec("optuna") is None:
        raise LtError("optuna_missing")


def suggest(section: SweepSection, past: Sequence[Past], number: int) -> dict[str, Any]:
    """The values for trial `number`, after those that came before it. The same question has the same answer.

    Raises LtError `optuna_missing`.
    """
    optuna = _optuna()
    seed = (section.sampler_seed * 1_000_003 + number) % 2**32
    if section.sampler == "tpe":
        # Trials at work count as bad ones, so that those that run side by side differ.
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    else:
        sampler = optuna.samplers.RandomSampler(seed=seed)
    spaces = {key: _distribution(optuna, space) for key, space in section.search.items()}
    study = _study(optuna, section, spaces, past, sampler)
    found = study.ask(spaces).params
    return {key: _value(space, found[key]) for key, space in section.search.items()}


def importances(section: SweepSection, past: Sequence[Past]) -> dict[str, float]:
    """How much each key matters to the value, as shares of one, by PED-ANOVA (Watanabe et al., 2023).

    Empty where that can't be told: too few trials, or only one value. Raises LtError `optuna_missing`.
    """
    optuna = _optuna()
    known = [trial for trial in past if trial.state == COMPLETE and trial.value is not None]
    if len(known) < FEW or len({trial.value for trial in known}) < 2:
        return {}
    spaces = {key: _distribution(optuna, space) for key, space in section.search.items()}
    spaces |= {
        key: optuna.distributions.CategoricalDistribution(range(len(values)))
        for key, values in section.grid.items()
        if len(values) > 1
    }
    study = _study(optuna, section, spaces, known, None)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {str(key): float(share) for key, share in found.items()}


def _optuna() -> Any:
    check_optuna()
    import warnings

    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def _study(optuna: Any, section: SweepSection, spaces: Mapping[str, Any], past: Sequence[Past], sampler: Any) -> Any:
    study = optuna.create_study(direction=section.direction, sampler=sampler)
    states = optuna.trial.TrialState
    kinds = {COMPLETE: states.COMPLETE, PRUNED: states.PRUNED, AT_WORK: states.RUNNING}
    for trial in past:
        if trial.state == COMPLETE and trial.value is None:
            continue
        study.add_trial(
            optuna.trial.create_trial(
                state=kinds[trial.state],
                params={key: _index(section, key, trial.params[key]) for key in spaces},
                distributions=dict(spaces),
                value=trial.value if trial.state == COMPLETE else None,
                intermediate_values=dict(trial.steps),
            )
        )
    return study


def _distribution(optuna: Any, space: SpaceSection) -> Any:
    kinds = optuna.distributions
    if space.choice is not None:
        return kinds.CategoricalDistribution(range(len(space.choice)))
    low, high = space.bounds
    if "integer" in space.kind:
        return kinds.IntDistribution(int(low), int(high), log=space.kind == "log_integer")
    return kinds.FloatDistribution(float(low), float(high), log=space.kind == "log")


def _index(section: SweepSection, key: str, value: Any) -> Any:
    """Choices are known to Optuna by their place: to it 1, 1.0 and true are the same."""
    space = section.search.get(key)
    values = section.grid.get(key) if space is None else space.choice
    if values is None:
        return value
    return next(index for index, item in enumerate(values) if item == value and type(item) is type(value))


def _value(space: SpaceSection, found: Any) -> Any:
    return space.choice[found] if space.choice is not None else found
