"""How many steps a recipe takes, from the number of its rows. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..schema import Recipe


@dataclass(frozen=True)
class Schedule:
    """`steps` in all, `per_epoch`, rows (for rollouts: prompts) that a step learns from, and rows to learn from."""

    steps: int
    per_epoch: int
    batch: int
    rows: int


def answers_per_prompt(recipe: Recipe) -> int:
    """Of methods whose model writes its own answers; 1 for the others."""
    if recipe.data_types != ("prompt",):
        return 1
    own = getattr(getattr(recipe, recipe.method, None), "num_generations", None)
    return int(own) if own else int(getattr(recipe, "default_generations", 1))


def rows_per_pass(recipe: Recipe) -> int:
    """Rows of one forward pass over all GPUs; answers, where the model writes them."""
    return (recipe.train.per_device_train_batch_size or 8) * max(1, recipe.resources.gpus)


def rows_per_step(recipe: Recipe) -> int:
    """The effective batch: rows (or answers) that an optimizer step learns from."""
    return rows_per_pass(recipe) * (recipe.train.gradient_accumulation_steps or 1)


def held_out(recipe: Recipe, rows: int) -> int:
    """Rows that `eval.val_set_size` takes away."""
    wanted = recipe.eval.val_set_size
    return round(rows * wanted) if wanted < 1 else round(wanted)


def schedule(recipe: Recipe, rows: int) -> Schedule:
    """For `rows` in all data sets, weights counted. With `packing` it is an upper bound: rows share a place then."""
    learnt = max(0, rows - held_out(recipe, rows))
    batch = max(1, rows_per_step(recipe) // answers_per_prompt(recipe))
    per_epoch = max(1, math.ceil(learnt / batch))
    limit = recipe.train.max_steps
    steps = limit or math.ceil((recipe.train.num_train_epochs or 3) * per_epoch)
    return Schedule(int(steps), per_epoch, batch, learnt)
