"""What PPO measures of a round and of its steps, by the names that TRL gives them."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from torch import Tensor


class Metrics:
    """Means of what was added since they were last taken, over all processes."""

    def __init__(self, accelerator: Any) -> None:
        self._accelerator = accelerator
        self._found: dict[str, list[Tensor]] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """One number of each name. Every process adds the same names at the same step."""
        for name, value in values.items():
            self._found.setdefault(name, []).append(value.detach().float().to(self._accelerator.device))

    def taken(self) -> dict[str, float]:
        """The means, and forgets them. Every process calls it together."""
        if not self._found:
            return {}
        names = sorted(self._found)
        # A reward that gave no number for any answer of a round is left out of its mean.
        means = torch.stack([torch.stack(self._found[name]).nanmean() for name in names])
        self._found = {}
        return dict(zip(names, self._accelerator.reduce(means, "mean").tolist()))


def of_rewards(grades: Tensor, names: Sequence[str], weights: Tensor) -> dict[str, Tensor]:
    """Means per reward and of their weighted sum, as TRL's other trainers that write answers name them."""
    total = (torch.nan_to_num(grades) * weights).sum(1)
    found = {f"rewards/{name}/mean": grades[:, number].nanmean() for number, name in enumerate(names)}
    return {**found, "reward": total.mean(), "reward_std": total.std(unbiased=False)}


def of_answers(ids: Tensor, mask: Tensor, ends: Tensor) -> dict[str, Tensor]:
    """How long answers are, how many were cut, and how many ended by themselves."""
    ended = (torch.isin(ids, ends) & mask).any(1).float()
    return {
        "completions/mean_length": mask.sum(1).float().mean(),
        "completions/clipped_ratio": 1 - ended.mean(),
        "val/num_eos_tokens": ended.sum(),
    }
