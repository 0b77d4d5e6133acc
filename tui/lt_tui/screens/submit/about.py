"""The submit screen in lines: what is chosen, what a field means, what a dry run found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lt_controller.client import words
from lt_controller.client.details import Plan
from lt_controller.client.estimating import Estimated
from lt_controller.client.recipes import RecipeField, RecipeProblem
from lt_controller.client.words import LtError

from ...glyphs import glyphs
from ...i18n import _, current
from ...text import Span, padded, said, size, wrapped
from ...widgets.dialogs import Tell

if TYPE_CHECKING:
    from ...page import Page

Line = tuple[Span, ...]


def header_lines(recipe: str, title: str, host: str, name: str) -> list[Line]:
    """Recipe, host, name."""
    return [
        ((padded(_("recipe"), 8), "dim"), (recipe, "bold"), (f"   {title}", "dim")),
        ((padded(_("host"), 8), "dim"), (host, "bold"), (f"      {_('name')}  ", "dim"), (name or _("made up"), "")),
    ]


def shown(value: Any) -> str:
    """A value as one types it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def doc_lines(field: RecipeField) -> list[Line]:
    """A field's documentation."""
    kinds = {"text": _("text"), "number": _("number"), "integer": _("whole number"), "switch": _("true or false")}
    kind = kinds.get(field.kind, field.kind)
    lines: list[Line] = [((field.key, "head bold"), (f"  {kind}", "dim"))]
    lines.append(((field.doc, ""),))
    if field.choices:
        lines.append(((_("one of: {names}", names=", ".join(field.choices)), "dim"),))
    return lines


def problem_text(problem: RecipeProblem) -> str:
    """What is wrong, in the language of the screen."""
    return words.problem(problem.message, problem.hint, current())


def is_path(field: RecipeField) -> bool:
    """Whether a value names something that may lie on the laptop."""
    return field.kind == "text" and field.key.rpartition(".")[2] in ("path", "name_or_path", "folder", "file")


def estimate_head(found: Estimated) -> Span:
    """All of it in a few words."""
    if found.memory is None:
        return _("{total} on each GPU", total=size(found.total)), ""
    text = _("{total} of {memory}", total=size(found.total), memory=size(found.memory))
    return text, "ok" if found.fits else "bad"


def estimate_lines(found: Estimated) -> list[Line]:
    """What the memory is for, and with which changes it would fit."""
    lines: list[Line] = [((f"{name:20}", "dim"), (f"{size(taken):>10}", "")) for name, taken in found.parts.items()]
    if found.fits is False:
        lines.append(((_("it fits with") if found.changes else _("nothing makes it fit there"), "warn"),))
        lines += [((f"  {change}", "bold"),) for change in found.changes or ()]
    return lines


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
    lines.append(((_("comes home") + "  ", "dim"), (str(plan.pull), "")))
    lines += [((note, "warn"),) for note in plan.notes]
    return lines
