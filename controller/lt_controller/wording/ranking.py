"""A ranking of hosts in words: a line each, and all of it as one line. Ranks come as dictionaries of their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lt_agent.protocol.errors import LtError

NAMED = 6  # hosts that the one line names of those that were passed over; lt show and --dry-run have all


def ranked(rank: Mapping[str, Any], lang: str | None = None) -> str:
    """Why a host would be taken, or is passed over."""
    from .say import phrase, say

    code = str(rank.get("passed_over") or "")
    params = rank.get("params")
    params = dict(params) if isinstance(params, Mapping) else {}
    if code:
        try:
            return phrase(f"over_{code}", lang, **params)
        except KeyError:  # an error that its draft met
            return say(LtError(code, **params), lang).message.rstrip(".。")
    left = rank.get("hours_left")
    return phrase(
        "rank_fits",
        lang,
        free=rank.get("free"),
        slots=rank.get("slots"),
        line=rank.get("line") or None,
        memory=rank.get("memory"),
        price=rank.get("price"),
        left=round(left) if isinstance(left, (int, float)) else None,
        send=rank.get("to_send") or None,
    )


def ranking(ranks: Sequence[Mapping[str, Any]], lang: str | None = None) -> list[str]:
    """A line for each host, those that fit numbered."""
    from .say import phrase

    lines, number = [], 0
    for rank in ranks:
        key = "rank_over" if rank.get("passed_over") else "rank_asked"
        number += key == "rank_asked"
        lines.append(phrase(key, lang, number=number, host=rank.get("host"), why=ranked(rank, lang)))
    return lines


def placed(ranks: Sequence[Mapping[str, Any]], lang: str | None = None) -> str:
    """The whole decision in one line: where it goes and why, and who was passed over and why."""
    from .say import phrase

    fits = [rank for rank in ranks if not rank.get("passed_over")]
    over = [rank for rank in ranks if rank.get("passed_over")]
    if not fits:
        return ""
    named = [f"{rank.get('host')} ({ranked(rank, lang)})" for rank in over[:NAMED]]
    more = [phrase("placed_more", lang, count=len(over) - NAMED)] if len(over) > NAMED else []
    others = ", ".join([*named, *more])
    return phrase("placed", lang, host=fits[0].get("host"), why=ranked(fits[0], lang), others=others)
