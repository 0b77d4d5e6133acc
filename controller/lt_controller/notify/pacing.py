"""When a channel is told, and how much at once. Pure: the times are given.

What comes together is told together: a channel waits a moment for more, and what is too much for single messages
becomes one summary. Services cut off who writes too often (DingTalk after 20 a minute, Slack after one a second).
"""

from __future__ import annotations

from collections.abc import Sequence

from lt_agent.protocol.errors import LtError

from ..store.notices import OLD, PATIENT, Pending
from ..store.times import epoch

GATHER = 2.0  # seconds without another one before a channel is told
GATHER_LIMIT = 10.0  # seconds that the oldest waits at the most
SPACING = 4.0  # seconds between two messages to a channel
SINGLE = 3  # notices that are told one by one; more become a summary
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0  # seconds before another try, doubled with each
GIVE_UP = 86400.0  # seconds for which a network that is away is tried


def choose(waiting: Sequence[Pending], now: float, since_last: float) -> list[Pending]:
    """What to tell now, of all that waits for one channel: nothing yet, the oldest one, or all of it as a summary."""
    due = [item for item in waiting if item.due_at is None or epoch(item.due_at) <= now]
    if not due or since_last < SPACING:
        return []
    born = [epoch(item.notice.created_at) for item in due]
    if now - max(born) < GATHER and now - min(born) < GATHER_LIMIT and max(born) <= now:
        return []
    return due[:1] if len(due) <= SINGLE else due


def next_look(waiting: Sequence[Pending], now: float, longest: float) -> float:
    """Seconds until something may be due, at the most `longest`."""
    times = [epoch(item.due_at) - now if item.due_at else GATHER / 2 for item in waiting]
    return max(0.0, min([longest, *(max(time, GATHER / 2) for time in times)]))


def after_failure(tries: int, error: LtError, created: float, now: float) -> float | None:
    """When to try again after `tries` earlier ones and this one; None: not any more.

    What another try can't cure ends at once. A network that is away is tried for a day, a secret that is not known is
    asked for as long as it is news, all else is tried `PATIENT` times.
    """
    if error.params.get("final") or error.code in ("notify_not_https", "notify_bad_address"):
        return None
    lasting = {"notify_unreachable": GIVE_UP, "notify_no_secret": OLD}.get(error.code)
    if tries + 1 >= PATIENT and (lasting is None or now - created > lasting):
        return None
    asked = error.params.get("retry_after")
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 16))
    return now + max(pause, float(asked) if isinstance(asked, (int, float)) else 0.0)
