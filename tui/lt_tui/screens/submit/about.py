"""The submit screen in lines: what is chosen, what a field means, what a dry run found."""

from __future__ import annotations

import json
from typing import Any

from lt_controller.client.details import Plan
from lt_controller.client.recipes import RecipeField

from ...i18n import _
from ...text import Span, size, wrapped

Line = tuple[Span, ...]


def header_lines(recipe: str, title: str, host: str, name: str) -> list[Line]:
    """Recipe, host, name."""
    return [
        ((f"{_('recipe')}  ", "dim"), (recipe, "bold"), (f"   {title}", "dim")),
        ((f"{_('host')}    ", "dim"), (host, "bold"), (f"      {_('name')}  ", "dim"), (name or _("made up"), "")),
    ]


def shown(value: Any) -> str:
    """A value as one types it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def doc_lines(field: RecipeField, width: int) -> list[Line]:
    """A field's documentation."""
    kinds = {"text": _("text"), "number": _("number"), "integer": _("whole number"), "switch": _("true or false")}
    kind = kinds.get(field.kind, field.kind)
    lines: list[Line] = [((field.key, "head bold"), (f"  {kind}", "dim"))]
    lines += [((part, ""),) for part in wrapped(field.doc, width)]
    if field.choices:
        lines += [((part, "dim"),) for part in wrapped(_("one of: {names}", names=", ".join(field.choices)), width)]
    return lines


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
