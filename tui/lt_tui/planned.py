"""A job that has not been submitted, in lines: what a dry run found, which host suits it, why it is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lt_controller.client import words
from lt_controller.client.details import Plan
from lt_controller.client.models import as_dict
from lt_controller.client.words import LtError

from .glyphs import glyphs
from .i18n import _, current
from .text import Span, said, size, wrapped
from .widgets.dialogs import Tell

if TYPE_CHECKING:
    from lt_controller.client.recipes import RecipeInfo

    from .page import Page

Line = tuple[Span, ...]


def shown(value: Any) -> str:
    """A value as one types it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def ranking_lines(ranks: Sequence[Mapping[str, Any]]) -> list[Line]:
    """A line for each host: those that fit by rank, the rest with the reason."""
    lines = words.ranking(ranks, current())
    tones = ["dim" if rank.get("passed_over") else "" for rank in ranks]
    first = next((n for n, tone in enumerate(tones) if not tone), None)
    return [((line, "bold" if n == first else tones[n]),) for n, line in enumerate(lines)]


def recipe_choices(recipes: Sequence[RecipeInfo]) -> list[tuple[str, str]]:
    """For a choice: what a recipe is called by, and its name with what it is for."""
    width = max((len(recipe.name) for recipe in recipes), default=0)
    return [(str(r.path) if r.own else r.name, f"{r.name:{width}}  {r.told(current())}") for r in recipes]


def refused(page: Page, error: LtError) -> None:
    """Why it can't be submitted, and what to do about it."""
    told = said(error)
    lines: list[Line] = [((part, "bad"),) for part in wrapped(told.message, 90)]
    lines += [((line, ""),) for line in told.details]
    if told.next:
        lines.append(((f"{glyphs().arrow} {told.next}", "key"),))
    page.app.push_screen(Tell(_("It can't be submitted as it stands"), lines))


def plan_lines(plan: Plan) -> list[Line]:
    """What would run, in which environment, and what would be sent."""
    env = plan.env
    lines: list[Line] = [
        ((f"{plan.name}", "bold"), (f"  {plan.host}  ", ""), (_("{count} GPUs", count=plan.gpus), "dim")),
        ((_("environment") + "  ", "dim"), (f"{env.get('kind')} {env.get('python') or ''}", "")),
        ((f"  {env.get('reason') or ''}", "dim"),),
    ]
    for item in plan.sends:
        told = _("there already") if item.there else size(item.size)
        lines.append(((_("sends") + "  ", "dim"), (item.name, ""), (f"  {told}", "dim")))
    lines.append(((_("at the most") + "  ", "dim"), (size(plan.size), "bold")))
    home = ", ".join(plan.outputs) or _("nothing") if plan.kind == "command" else str(plan.pull)
    lines.append(((_("comes home") + "  ", "dim"), (home, "")))
    lines += [((note, "warn"),) for note in plan.notes]
    if plan.ranking:
        lines += [(("", ""),), *ranking_lines(as_dict(plan.ranking))]
    return lines
