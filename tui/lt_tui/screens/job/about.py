"""The header of a job: its state, how far, how fast, and what stands in its way."""

from __future__ import annotations

from ...glyphs import bar, glyphs
from ...i18n import _
from ...palette import tone
from ...text import Span, ago, duration, needs_secrets, sign, size, state_word, steps, why
from .reading import JobData

Line = tuple[Span, ...]


def header_lines(data: JobData, width: int) -> list[Line]:
    """Two lines, and one more for each thing that is under way."""
    job = data.job
    mark, colour = sign(job.state)
    first: list[Span] = [(f"{mark} {state_word(job.state)}", f"bold {colour}" if colour else "bold")]
    if reason := why(job):
        first.append((f"  {reason}", colour or "dim"))
    if needs_secrets(job):
        first.append((f"   {_('V gives them')}", "key bold"))
    first += [(f"   {glyphs().dot} ", "faint"), (job.host, "bold")]
    reach = data.reach
    if reach is not None and reach.state in ("unreachable", "refused") and not job.resting:
        seen = f" {ago(reach.last_seen)}" if reach.last_seen else ""
        first.append((f" {sign(reach.state)[0]} {state_word(reach.state)}{seen}", "warn"))
    if job.method or job.recipe:
        first += [(f"   {glyphs().dot} ", "faint"), (job.recipe or "", ""), (f" {job.method or ''}", "dim")]
    if job.attempt > 1:
        first.append((f"   {_('attempt')} {job.attempt}", "warn"))
    lines: list[Line] = [tuple(first), tuple(_progress(data, width))]
    for item in data.transfers[:2]:
        share = item.done / item.total if item.total else 0.0
        full, empty = bar(share, 16)
        what = _("sending {what}", what=item.what) if item.direction == "push" else _("pulling {what}", what=item.what)
        lines.append(
            ((f"{what}  ", ""), (full, "run"), (empty, "faint"), (f" {size(item.done)} / {size(item.total)}", "dim"))
        )
    for request in data.requests[:2]:
        lines.append(((_("asked: {what}; it waits for the host", what=_(request.kind)), "warn"),))
    return lines


def _progress(data: JobData, width: int) -> list[Span]:
    job = data.job
    found: list[Span] = []
    if job.total_steps:
        share = (job.step or 0) / job.total_steps
        full, empty = bar(share, min(40, max(10, width // 4)))
        found += [(full, tone(job.state) or "run"), (empty, "faint"), (f" {share:.0%}", "bold")]
    if text := steps(job):
        found += [(f"  {_('step')} ", "dim"), (text, "")]
    speed = _speed(data)
    if speed:
        found += [(f"   {_('speed')} ", "dim"), (speed, "")]
    if job.eta is not None:
        found += [(f"   {_('left')} ", "dim"), (duration(job.eta), "")]
    if job.started_at is not None:
        end = job.finished_at if job.resting else None
        took = (end - job.started_at).total_seconds() if end else None
        found += [(f"   {_('took') if took is not None else _('since')} ", "dim")]
        found.append((duration(took) if took is not None else ago(job.started_at), ""))
    if data.cost is not None:
        found += [(f"   {_('cost')} ", "dim"), (f"{data.cost:.2f}", "")]
    mark, colour = sign(job.pull_state)
    found += [(f"   {_('home')} ", "dim"), (f"{mark} {state_word(job.pull_state)}", colour)]
    return found


def _speed(data: JobData) -> str:
    job = data.job
    if job.eta is None or not job.total_steps or not job.step or job.total_steps <= job.step:
        return ""
    per_step = job.eta / (job.total_steps - job.step)
    return f"{per_step:.2g} s/step" if per_step >= 0.1 else f"{1 / per_step:.3g} steps/s" if per_step else ""
