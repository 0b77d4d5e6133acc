"""The audit, in English."""

from __future__ import annotations

WHYS: dict[str, str] = {
    "audit_changed": "its content is not what was written",
    "audit_unchained": "it does not follow the row before it",
    "audit_missing": "a row before it is missing",
    "audit_planted": "a row was put in before it",
}

ERRORS: dict[str, tuple[str, str]] = {
    "audit_not_written": ("{path} can't be written: {why}.", "lt audit --export csv FILE, with another file"),
}

PHRASES: dict[str, str] = {
    "audit_empty": "The audit has no such act.",
    "audit_more": "The newest {shown}; lt audit -n 0 shows all.",
    "audit_exported": "{rows} rows are in {path}.",
    "audit_whole": "{rows} rows, none of them changed. The head, to be noted somewhere else:",
    "audit_broken": "Row {row} is not as it was written: {why}. Rows from there on prove nothing.",
    "audit_cut": "The head {head} is no longer there: rows were taken off the end, or the whole was written anew.",
}
