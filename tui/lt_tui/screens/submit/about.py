"""The submit screen in lines: what is chosen, what a field means, what a dry run found."""

from __future__ import annotations

from lt_controller.client import words
from lt_controller.client.estimating import Estimated
from lt_controller.client.recipes import RecipeField, RecipeProblem

from ...i18n import _, current
from ...text import Span, size

Line = tuple[Span, ...]


def doc_lines(field: RecipeField) -> list[Line]:
    """A field's documentation."""
    kinds = {"text": _("text"), "number": _("number"), "integer": _("whole number"), "switch": _("true or false")}
    kind = kinds.get(field.kind, field.kind)
    lines: list[Line] = [((field.key, "head bold"), (f"  {kind}", "dim"))]
    lines.append(((words.field_doc(field.doc, current()), ""),))
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
