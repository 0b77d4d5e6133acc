"""English: what hosts were and cost."""

from __future__ import annotations

PHRASES: dict[str, str] = {
    "cpu_cores": "{count} CPUs",
    "cost_nothing": "Nothing has run in that time, and no host has a price: lt host edit HOST --price 1.9/h says it.",
    "cost_unpriced": "{hours} of the hours have no known price; lt host edit HOST --price 1.9/h says it from now on.",
    "cost_of_job": "{cost:.2f} for {seconds:time} of its hosts",
    "host_periods": "{count} periods: lt host history {host}",
    "usage_of": "use of {host}, {first} to now",
    "usage_day": "the last day, in percent",
    "stats_nothing": "No job was submitted in that time.",
    "cost_idle": "idle",
    "cost_total": "total",
    "cost_one_day": "There is nothing to draw before the second day.",
    "cost_of_days": "jobs: {total}, by day, {first} to {last}",
    "cost_of_idle": "idle: {total}, by day, {first} to {last}",
}
