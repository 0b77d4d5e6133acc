"""What a job's chart shows: which values, and which other jobs beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...i18n import _
from ...text import padded, safe, state_word
from ...widgets.dialogs import ChooseSeveral

if TYPE_CHECKING:
    from .screen import JobScreen


def choose_metrics(page: JobScreen) -> None:
    """One or several of the values that were logged."""
    if page.data is None:
        return
    options = [(name, safe(name)) for name in page.data.names]

    def chosen(names: list[str] | None) -> None:
        if names:
            page.curves.names = names
            page.reread()

    page.app.push_screen(ChooseSeveral(_("Which metrics?"), options, page.curves.names), chosen)


def choose_others(page: JobScreen) -> None:
    """Jobs whose curves are drawn beside this one's; none takes them away."""
    fleet = page.lt.fleet
    if page.data is None or fleet is None:
        return
    mine = page.data.job.id
    jobs = [job for job in reversed(fleet.jobs) if job.id != mine]
    width = max((len(job.name) for job in jobs), default=0)
    options = [
        (job.id, f"{safe(job.name):{width}}  {padded(state_word(job.state), 10)}  {safe(job.recipe or '')}")
        for job in jobs
    ]

    def chosen(ids: list[str] | None) -> None:
        if ids is not None:
            page.lt.compare = tuple(ids)
            page.reread()

    page.app.push_screen(ChooseSeveral(_("Compare with which jobs?"), options, page.lt.compare), chosen)
