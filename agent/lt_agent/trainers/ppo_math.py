"""The formulas of PPO for answers of a language model: pure functions over tensors of shape (answers, tokens).

`mask` is true for the tokens of an answer, its end token included, and false for what was padded behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import torch
from torch import Tensor

Sum = Callable[[Tensor], Tensor]
"""Adds a tensor up over all processes that train together."""


def alone(tensor: Tensor) -> Tensor:
    """The sum over processes where there is one."""
    return tensor


def kl_estimate(logprobs: Tensor, reference: Tensor, kind: str) -> Tensor:
    """The distance to the reference per token, in nats, from the tokens that were drawn.

    With r = log p_ref - log p: `k1` is -r, `k3` is exp(r) - 1 - r, which has less variance and is never negative
    (J. Schulman, "Approximating KL Divergence", 2020).
    """
    r = reference - logprobs
    return -r if kind == "k1" else torch.expm1(r) - r


def token_rewards(scores: Tensor, kl: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """The reward of each token: minus `kl_coef` × its distance to the reference, and the answer's score at its end.

    Ziegler et al., 2019 (arXiv:1909.08593), section 2: R(x, y) = r(x, y) - β log π(y|x)/ρ(y|x).
    """
    rewards = -kl_coef * kl * mask
    last = mask.sum(1) - 1
    rewards[torch.arange(len(scores), device=scores.device), last] += scores
    return rewards


def whiten(values: Tensor, mask: Tensor, *, shift_mean: bool = True, total: Sum = alone) -> Tensor:
    """`values` with variance 1 over all tokens of all processes; with `shift_mean` their mean becomes 0, else it stays.

    What lies outside the mask becomes 0.
    """
    kept = mask.to(values.dtype)
    count, added = total(torch.stack([kept.sum(), (values * kept).sum()]))
    mean = added / count
    variance = total(((values - mean) ** 2 * kept).sum()) / count
    whitened = (values - mean) * torch.rsqrt(variance + 1e-8)
    return (whitened if shift_mean else whitened + mean) * kept


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (Schulman et al., 2016, arXiv:1506.02438, equations 11 to 16).

    δ_t = r_t + γ V_{t+1} - V_t and A_t = δ_t + γ λ A_{t+1}, where nothing follows an answer's last token; the returns
    are A + V.
    """
    kept = mask.to(values.dtype)
    rewards, values = rewards * kept, values * kept
    advantages = torch.zeros_like(values)
    after = next_value = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        after = (delta + gamma * lam * after) * kept[:, t]
        advantages[:, t] = after
        next_value = values[:, t]
    return advantages, advantages + values


def policy_losses(new: Tensor, old: Tensor, advantages: Tensor, cliprange: float) -> tuple[Tensor, Tensor]:
    """(loss per token, whether it was clipped): the clipped surrogate objective (arXiv:1707.06347, equation 7)."""
    ratio = torch.exp(new - old)
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1.0 - cliprange, 1.0 + cliprange)
    return torch.maximum(plain, clipped), clipped > plain


def value_losses(new: Tensor, old: Tensor, returns: Tensor, cliprange: float) -> tuple[Tensor, Tensor]:
    """(loss per token, whether it was clipped): half the squared error, where a value that moved further than
    `cliprange` from what it was gains nothing by it (as OpenAI's `baselines/ppo2` has it; arXiv:1909.08593 used that).
    """
    near = torch.maximum(torch.minimum(new, old + cliprange), old - cliprange)
    plain, clipped = (new - returns) ** 2, (near - returns) ** 2
    return 0.5 * torch.maximum(plain, clipped), clipped > plain


@dataclass
class KlControl:
    """The weight of the distance to the reference: fixed, or led to where the distance is `target` nats per answer."""

    weight: float
    adaptive: bool = False
    target: float = 6.0
    horizon: float = 10000.0

    def update(self, kl: float, answers: int) -> None:
        """After a round of so many answers with that mean distance.

        The proportional controller in log space of arXiv:1909.08593, section 2.2: the error is cut to ± 0.2, and
        `horizon` answers at an error of 1 double the weight.
        """
        if self.adaptive:
            error = min(0.2, max(-0.2, kl / self.target - 1))
            self.weight *= 1 + error * answers / self.horizon
