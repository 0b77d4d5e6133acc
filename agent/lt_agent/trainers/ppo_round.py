"""A round of answers that PPO learns from several times, and how it survives a stop in the middle of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Iterator

import torch
from torch import Tensor

_STEPS = "steps_done"


def state_file(folder: Path, rank: int) -> Path:
    """What a checkpoint holds of PPO for one process beside the weights, the optimizer and the random state."""
    return folder / f"ppo_{rank}.safetensors"


@dataclass(frozen=True)
class Round:
    """The answers of one process, tensors of shape (answers, tokens) unless it says otherwise. `prompts` are padded on
    the left, `answers` on the right. `order` (passes over the round, answers) says which answers a step learns from,
    `tokens` (passes, steps per pass) how many tokens each step learns from, on average over the processes.
    """

    prompts: Tensor
    prompt_mask: Tensor
    answers: Tensor
    mask: Tensor
    logprobs: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor
    order: Tensor
    tokens: Tensor

    @property
    def steps(self) -> int:
        """Steps that learn from it."""
        return int(self.tokens.numel())

    def rows(self, step: int, part: int, parts: int) -> tuple[Tensor, float]:
        """(indices of the answers in forward pass `part` of `parts`, tokens of the whole step), step counted from 0."""
        steps = self.tokens.shape[1]
        turn, number = divmod(step, steps)
        size = self.order.shape[1] // (steps * parts)
        start = (number * parts + part) * size
        return self.order[turn, start : start + size], float(self.tokens[turn, number])

    def pick(self, rows: Tensor) -> Round:
        """Those answers alone."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        return Round(**{name: kept[name] if name in ("order", "tokens") else kept[name][rows] for name in kept})


def drawn_order(passes: int, answers: int) -> Tensor:
    """A new order for each pass over a round, by torch's random state, which a checkpoint holds."""
    return torch.stack([torch.randperm(answers) for _ in range(passes)])


def answer_mask(answers: Tensor, ends: Tensor) -> Tensor:
    """True up to and with the first of the tokens that end one; all of an answer that was cut."""
    found = torch.isin(answers, ends)
    return (found.cumsum(1) - found.long()) == 0


def save_state(
    file: Path, head: Any, kl_weight: float, answers_seen: int, found: Round | None, steps_done: int
) -> None:
    """Writes the value head, the controller's weight and the round under way (None between two rounds)."""
    from safetensors.torch import save_file

    tensors = {f"value_head.{name}": value for name, value in head.state_dict().items()}
    tensors["kl_coef"] = torch.tensor(kl_weight, dtype=torch.float64)
    tensors["episode"] = torch.tensor(answers_seen)
    if found is not None:
        tensors |= {f"round.{field.name}": getattr(found, field.name) for field in fields(found)}
        tensors[_STEPS] = torch.tensor(steps_done)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, str(file))


def load_state(file: Path, head: Any, device: Any) -> tuple[float, int, Round | None, int]:
    """(the controller's weight, answers seen, the round under way, steps done in it); the head is filled."""
    from safetensors.torch import load_file

    tensors = load_file(str(file))
    head.load_state_dict({name.partition(".")[2]: value for name, value in _under("value_head.", tensors)})
    weight, seen = float(tensors["kl_coef"]), int(tensors["episode"])
    if _STEPS not in tensors:
        return weight, seen, None, 0
    found = {name.partition(".")[2]: value for name, value in _under("round.", tensors)}
    moved = {name: value if name in ("order", "tokens") else value.to(device) for name, value in found.items()}
    return weight, seen, Round(**moved), int(tensors[_STEPS])


def _under(prefix: str, tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name, value) for name, value in tensors.items() if name.startswith(prefix))


class RoundSampler(torch.utils.data.Sampler):  # type: ignore[misc]
    """Rows in random order, in rounds: each round's rows are given as often as there are forward passes over it, so
    that every one of them is a batch of the loader and a resume can skip them. The last incomplete round is left out.
    """

    def __init__(self, rows: int, per_round: int, repeats: int, seed: int) -> None:
        self._rows, self._per_round, self._repeats, self._seed = rows, per_round, repeats, seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Another order for each pass over the data."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._rows // self._per_round * self._per_round * self._repeats

    def __iter__(self) -> Iterator[int]:
        drawn = torch.randperm(self._rows, generator=torch.Generator().manual_seed(self._seed + self._epoch)).tolist()
        for start in range(0, self._rows - self._per_round + 1, self._per_round):
            for _ in range(self._repeats):
                yield from drawn[start : start + self._per_round]
