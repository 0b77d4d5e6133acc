"""A graph without cycles in lines of text, one for each node, in the way in which `git log --graph` draws history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

NODE = "●"


def lanes(order: Sequence[str], needs: Mapping[str, Collection[str]]) -> dict[str, tuple[str, str]]:
    """For each node of `order` (every one after those that it needs) what stands left of its mark, and the lines that
    pass right of it. All come out equally wide with the mark between them.

    A line runs down from a node to all that need it: `├` and `┼` where one leaves it, `╰` and `┴` where the last does.
    """
    uses = {name: [other for other in order if name in needs[other]] for name in order}
    open_lanes: list[str] = []  # by column, the node whose line it is; empty for a free one
    rows: dict[str, tuple[list[str], int]] = {}
    for name in order:
        joined = [column for column, owner in enumerate(open_lanes) if owner and owner in needs[name]]
        own = _free(open_lanes, max(joined, default=-1) + 1)
        cells = [_cell(open_lanes, column, name, joined, own, uses) for column in range(max(len(open_lanes), own + 1))]
        rows[name] = (cells, own)
        for column in joined:
            if uses[open_lanes[column]][-1] == name:
                open_lanes[column] = ""
        open_lanes += [""] * (own + 1 - len(open_lanes))
        open_lanes[own] = name if uses[name] else ""
        while open_lanes and not open_lanes[-1]:
            open_lanes.pop()
    width = max((len(cells) for cells, _ in rows.values()), default=0)
    drawn = {}
    for name, (cells, own) in rows.items():
        text = "".join(cells).ljust(2 * width)
        drawn[name] = (text[: 2 * own], text[2 * own + 1 :].rstrip().ljust(2 * (width - own) - 1))
    return drawn


def _free(open_lanes: Sequence[str], at_least: int) -> int:
    for column in range(at_least, len(open_lanes)):
        if not open_lanes[column]:
            return column
    return max(at_least, len(open_lanes))


def _cell(
    open_lanes: Sequence[str],
    column: int,
    name: str,
    joined: Sequence[int],
    own: int,
    uses: Mapping[str, Sequence[str]],
) -> str:
    """Two letters: what is in the column, and what leads on to the next one."""
    owner = open_lanes[column] if column < len(open_lanes) else ""
    along = bool(joined) and joined[0] <= column < own
    tail = "─" if along else " "
    if column == own:
        return NODE + " "
    if column in joined:
        last = uses[owner][-1] == name
        first = column == joined[0]
        return {(True, True): "╰", (True, False): "┴", (False, True): "├", (False, False): "┼"}[(last, first)] + tail
    if owner:
        return "│" + tail
    return ("─" if along else " ") + tail
