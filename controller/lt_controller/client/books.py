"""The hours of hosts, laid out to be asked: who ran where, which price held, and what that comes to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

from lt_inventory.cost import Charge, HostCost, Span, Term
from lt_inventory.periods import moment

from ..home import Home
from . import clock
from .cost import CostLine, CostReport, line_of, summed
from .database import Reader, when
from .details import HostPeriod
from .periods import periods


@dataclass(frozen=True)
class Work:
    """What a job's line says of it."""

    name: str
    recipe: str


class Books:
    """All hours of some hosts, up to a moment."""

    def __init__(
        self,
        spans: Mapping[str, Sequence[Span]],
        terms: Mapping[str, Sequence[Term]],
        works: Mapping[str, Work],
        until: datetime,
    ) -> None:
        """By host: what ran there, and its prices; by a job's id: what it is called."""
        self.until = until
        self.spans = spans
        self.costs = {host: HostCost(spans.get(host, ()), terms.get(host, ())) for host in {*spans, *terms}}
        self._terms = terms
        self._works = works

    def report(self, by: str, since: datetime | None) -> CostReport:
        """The lines, and what they come to."""
        begin = since.timestamp() if since else float("-inf")
        if by == "host":
            lines = [line for host in sorted(self.costs) if (line := self._host(host, begin))]
        elif by == "week":
            lines = self._weeks(begin)
        else:
            lines = self._jobs(begin) if by == "job" else self._recipes(begin)
        idle = summed("", (line_of("", idle=cost.idle(begin)) for cost in self.costs.values()))
        apart = by in ("job", "recipe") and idle.idle_hours > 0
        total = summed("", [*lines, *([idle] if apart else [])])
        ran = {span.job for spans in self.spans.values() for span in spans if span.end > max(begin, span.begin)}
        total = replace(total, jobs=len(ran))
        return CostReport(by, since, self.until, tuple(lines), idle if apart else None, total)

    def of_job(self, job: str) -> CostLine | None:
        """The line of one job."""
        found = [(host, span) for host, spans in self.spans.items() for span in spans if span.job == job]
        return self._line_of(job, found, float("-inf")) if found else None

    def first(self, host: str) -> datetime | None:
        """When the host was first paid for, or used."""
        starts = [span.begin for span in self.spans.get(host, ())]
        starts += [term.begin for term in self._terms.get(host, ()) if term.rented]
        return datetime.fromtimestamp(min(starts), timezone.utc) if starts else None

    def days(self, since: datetime | None, host: str | None = None) -> list[tuple[datetime, Charge, Charge]]:
        """(midnight here, what ran, what was idle) of each day from the first that has any; of all hosts, or one."""
        costs = [self.costs[host]] if host is not None else list(self.costs.values())
        first = since.timestamp() if since else float("-inf")
        found = []
        for begin, end in self._stretches(first, 1):
            low, high = max(first, begin.timestamp()), end.timestamp()
            busy, idle = (cost.busy(low, high) for cost in costs), (cost.idle(low, high) for cost in costs)
            found.append((begin, _added(busy), _added(idle)))
        return found

    def _host(self, host: str, begin: float) -> CostLine | None:
        cost = self.costs[host]
        spans = [span for span in self.spans.get(host, ()) if span.end > max(begin, span.begin)]
        line = line_of(host, busy=cost.busy(begin), idle=cost.idle(begin), hosts=(host,))
        ran = sum(span.end - max(begin, span.begin) for span in spans) / 3600
        line = replace(line, jobs=len({span.job for span in spans}), ran_hours=ran)
        return line if line.hours or line.idle_hours else None

    def _jobs(self, begin: float) -> list[CostLine]:
        mine = self._by_job(begin)
        order = sorted(mine, key=lambda job: (min(span.begin for _, span in mine[job]), job))
        return [self._line_of(job, mine[job], begin) for job in order]

    def _recipes(self, begin: float) -> list[CostLine]:
        grouped: dict[str, list[CostLine]] = {}
        for job, found in self._by_job(begin).items():
            grouped.setdefault(self._works[job].recipe, []).append(self._line_of(job, found, begin))
        return [summed(name, lines) for name, lines in sorted(grouped.items())]

    def _by_job(self, begin: float) -> dict[str, list[tuple[str, Span]]]:
        mine: dict[str, list[tuple[str, Span]]] = {}
        for host, spans in self.spans.items():
            for span in spans:
                if span.end > max(begin, span.begin):
                    mine.setdefault(span.job, []).append((host, span))
        return mine

    def _line_of(self, job: str, found: Iterable[tuple[str, Span]], begin: float) -> CostLine:
        charge, ran, hosts = Charge(), 0.0, []
        for host, span in found:
            charge += self.costs[host].of(span, begin)
            ran += max(0.0, span.end - max(begin, span.begin)) / 3600
            hosts.append(host)
        name = self._works[job].name
        return replace(line_of(name, busy=charge, hosts=tuple(dict.fromkeys(hosts))), jobs=1, ran_hours=ran)

    def _weeks(self, since: float) -> list[CostLine]:
        lines = []
        for begin, end in self._stretches(since, 7):
            low, high = max(since, begin.timestamp()), end.timestamp()
            line = line_of(
                week_name(begin.date()),
                busy=_added(cost.busy(low, high) for cost in self.costs.values()),
                idle=_added(cost.idle(low, high) for cost in self.costs.values()),
            )
            spans = [
                (host, span)
                for host, found in self.spans.items()
                for span in found
                if span.begin < high and span.end > low
            ]
            ran = sum(min(high, span.end) - max(low, span.begin) for _, span in spans) / 3600
            hosts = tuple(sorted({host for host, _ in spans}))
            line = replace(line, jobs=len({span.job for _, span in spans}), ran_hours=ran, hosts=hosts)
            lines += [line] if line.hours or line.idle_hours else []
        return lines

    def _stretches(self, since: float, days: int) -> list[tuple[datetime, datetime]]:
        """Days, or weeks from Monday, of the laptop's own clock, from the first hour that counts until the end."""
        starts = [span.begin for spans in self.spans.values() for span in spans]
        starts += [term.begin for terms in self._terms.values() for term in terms if term.rented]
        if not starts:
            return []
        first = datetime.fromtimestamp(max(since, min(starts)), timezone.utc).astimezone().date()
        day = first - timedelta(days=first.weekday()) if days == 7 else first
        found = []
        while _midnight(day) < self.until:
            found.append((_midnight(day), _midnight(day + timedelta(days=days))))
            day += timedelta(days=days)
        return found


def week_name(day: date) -> str:
    """`2026-W47 (2026-11-16)`: the ISO week and its Monday."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02} ({day.isoformat()})"


def _added(charges: Iterable[Charge]) -> Charge:
    return sum(charges, Charge())


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day).astimezone()


def read_books(
    db: Reader,
    home: Home,
    *,
    hosts: Sequence[str] | None = None,
    until: datetime | None = None,
    beside: str | None = None,
) -> Books:
    """The books of these hosts, or of all. `beside`: only what ran at the same time as this job."""
    now = clock.now()
    end = min(until, now) if until else now
    known = periods(db, home)
    seen = {row["name"]: when(row["last_seen"]) for row in db.rows("SELECT name, last_seen FROM hosts")}
    rows = _attempts(db, hosts, beside)
    spans: dict[str, list[Span]] = {}
    for row in rows:
        begin, finished, host = when(row["started_at"]), when(row["finished_at"]), row["host"]
        if begin is None or (row["open"] and row["adopted_by"]):
            continue  # another laptop's by now: when it ends is not told here
        if finished is None or row["open"]:
            lease = _lease_end(known.get(host, ()))
            # A box that was not heard of since its lease ended is taken to have gone then.
            finished = now if lease is None else min(now, max(lease, seen.get(host) or lease))
        span = Span(row["job_id"], begin.timestamp(), min(finished, end).timestamp(), max(1, row["gpus"] or 0))
        spans.setdefault(host, []).append(span)
    wanted = [name for name in known if hosts is None or name in hosts]
    terms = {name: _terms(known[name], spans.get(name, ()), end) for name in wanted}
    works = {row["job_id"]: Work(row["name"], row["recipe"] or row["kind"]) for row in rows}
    return Books(spans, terms, works, end)


def _attempts(db: Reader, hosts: Sequence[str] | None, beside: str | None) -> list[sqlite3.Row]:
    """The attempts that ever ran; with `beside` those that overlap what that job has been since it began."""
    sql = (
        "SELECT a.job_id, a.host, max(a.started_at, j.created_at) AS started_at, a.finished_at, a.exit IS NULL AS open,"
        " j.name, j.recipe, j.kind,"
        " j.adopted_by, json_extract(j.spec, '$.gpus') AS gpus FROM attempts a JOIN jobs j ON j.id=a.job_id"
        " WHERE a.started_at IS NOT NULL"
    )
    values: list[str] = []
    if hosts is not None:
        sql += f" AND a.host IN ({','.join('?' * len(hosts))})"
        values += hosts
    if beside is not None:
        own = "(SELECT {} FROM attempts WHERE job_id=? AND started_at IS NOT NULL)"
        sql += f" AND a.started_at <= {own.format(_LATEST)} AND (a.exit IS NULL OR a.finished_at >= "
        sql += f"{own.format('min(started_at)')})"
        values += [beside, beside]
    return db.rows(sql, values)


_LATEST = "max(CASE WHEN exit IS NULL THEN '9999' ELSE finished_at END)"


def _lease_end(known: Sequence[HostPeriod]) -> datetime | None:
    """The end of the lease as it was said last."""
    return moment(known[-1].data.get("until")) if known else None


def _terms(known: Sequence[HostPeriod], spans: Sequence[Span], end: datetime) -> list[Term]:
    """The periods as prices over time, up to `end`.

    A host is paid for while it is in the inventory with a price or an end of its lease, is not retired, and that end
    has not come. What ran before it was first written down had the first price that is known.
    """
    found: list[Term] = []
    last = end.timestamp()
    for period in known:
        begin, till = period.since.timestamp(), min(period.till.timestamp() if period.till else last, last)
        price, lease = period.data.get("price"), moment(period.data.get("until"))
        price = float(price) if isinstance(price, (int, float)) else None
        rented = (price is not None or lease is not None) and period.data.get("closed") != "retired"
        over = min(till, max(begin, lease.timestamp())) if lease else till
        found += [Term(begin, over, price, rented), Term(over, till, price)]
    first = min((span.begin for span in spans), default=last)
    if found and first < found[0].begin:
        found.insert(0, Term(first, found[0].begin, found[0].price))
    return [term for term in found if term.end > term.begin]
