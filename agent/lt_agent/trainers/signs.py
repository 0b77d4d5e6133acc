"""What a person should look at while a run goes on: told from its metrics, by a pure function of what was logged."""

from __future__ import annotations

import math
from collections import deque
from statistics import median
from typing import Any, Deque, Dict, List, Mapping, Optional

Event = Dict[str, Any]

_MEMORY = 50  # log entries
_ENOUGH = 10  # entries before anything is said
_SPIKE = 3.0  # times the usual loss
_FLAT = 0.005  # less gain than this share over the memory is none
_KL = 10.0  # nats per answer; an aligned model is rarely further from its start
_SPREAD = 1e-3  # of rewards; less is none
_ALL = 0.999  # of the groups of answers


class Signs:
    """Says `loss_spike`, `loss_plateau`, `kl_high`, `reward_collapse` and `reward_flat`, each once until it is over."""

    def __init__(self) -> None:
        self._losses: Deque[float] = deque(maxlen=_MEMORY)
        self._rewards: Deque[float] = deque(maxlen=_MEMORY)
        self._alike: Deque[float] = deque(maxlen=_ENOUGH)
        self._said: set[str] = set()

    def seen(self, step: int, logs: Mapping[str, Any]) -> List[Event]:
        """The events that a log entry gives rise to: `{"code", "params": {"step", …}}`."""
        found: Dict[str, Optional[Dict[str, Any]]] = {}
        loss, reward = _number(logs, "loss"), _number(logs, "reward")
        if reward is None and loss is not None:
            # With rewards the loss says nothing: it moves about zero.
            found.update(self._loss(loss))
        if reward is not None:
            found.update(self._reward(reward, _without_difference(logs)))
        kl = _distance(logs)
        if kl is not None and reward is not None:
            found["kl_high"] = {"kl": kl, "limit": _KL} if kl > _KL else None
        events = []
        for code, params in found.items():
            if params is None:
                self._said.discard(code)
            elif code not in self._said:
                self._said.add(code)
                events.append({"code": code, "params": {"step": step, **params}})
        return events

    def _loss(self, loss: float) -> Dict[str, Optional[Dict[str, Any]]]:
        before = list(self._losses)
        self._losses.append(loss)
        found: Dict[str, Optional[Dict[str, Any]]] = {"loss_spike": None, "loss_plateau": None}
        if len(before) >= _ENOUGH:
            usual = median(before[-_ENOUGH:])
            if loss > _SPIKE * usual > 0:
                found["loss_spike"] = {"loss": loss, "usual": usual}
        if len(before) == _MEMORY:
            half = _MEMORY // 2
            first, last = sum(before[:half]) / half, sum(before[half:]) / half
            # A loss near zero is flat because it has arrived.
            if first > 0.05 and abs(first - last) < _FLAT * first:
                found["loss_plateau"] = {"loss": last, "entries": _MEMORY}
        return found

    def _reward(self, reward: float, alike: Optional[float]) -> Dict[str, Optional[Dict[str, Any]]]:
        before = list(self._rewards)
        self._rewards.append(reward)
        found: Dict[str, Optional[Dict[str, Any]]] = {"reward_collapse": None, "reward_flat": None}
        if len(before) >= 2 * _ENOUGH:
            best = max(median(before[i : i + _ENOUGH]) for i in range(len(before) - _ENOUGH + 1))
            now = median([*before[1 - _ENOUGH :], reward])
            low = min(before)
            # By how much it fell, of what it had ever won: rewards may be negative or begin anywhere.
            if best - low > _SPREAD and now < best - 0.7 * (best - low):
                found["reward_collapse"] = {"reward": now, "best": best}
        if alike is not None:
            self._alike.append(alike)
            if len(self._alike) == _ENOUGH and min(self._alike) >= _ALL:
                found["reward_flat"] = {"reward": reward}
        return found


def _without_difference(logs: Mapping[str, Any]) -> Optional[float]:
    """The share of groups whose answers all got the same reward: nothing can be learnt from those.

    TRL 1.16 logs it. Its `reward_std` is the spread of all answers, and prompts that are not equally hard are enough
    for that; where there is none at all, the groups have none either (RLOO looks at its own after the distance to the
    start was taken off, and PPO has no groups).
    """
    spread, share = _number(logs, "reward_std"), _number(logs, "frac_reward_zero_std")
    if spread is None:
        return share
    return 1.0 if spread < _SPREAD else share or 0.0


def _distance(logs: Mapping[str, Any]) -> Optional[float]:
    """Nats per answer. PPO logs just that (`objective/kl`), TRL's GRPO and RLOO the mean per token (`kl`)."""
    if "objective/kl" in logs:
        return _number(logs, "objective/kl")
    kl, tokens = _number(logs, "kl"), _number(logs, "completions/mean_length")
    return None if kl is None or tokens is None else kl * tokens


def _number(logs: Mapping[str, Any], name: str) -> Optional[float]:
    value = logs.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
