"""What the app tells its screens."""

from __future__ import annotations

from typing import Any

from textual.message import Message


class Changed(Message, bubble=False):
    """The store has changed. `topics` are those of `Client.changes`; `*` is everything."""

    def __init__(self, topics: frozenset[str]) -> None:
        super().__init__()
        self.topics = topics

    def concerns(self, topics: frozenset[str]) -> bool:
        """Whether one of `topics` has changed."""
        return bool(topics) and ("*" in self.topics or not topics.isdisjoint(self.topics))


class WatchFailed(Message):
    """The store can't be watched for the moment; it is tried again."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Read(Message, bubble=False):
    """A screen's data has been read in the background."""

    def __init__(self, data: Any) -> None:
        super().__init__()
        self.data = data


class Acted(Message):
    """Something that was asked for: carried out, written down, or refused."""

    def __init__(self, act: str, target: str, error: Exception | None = None) -> None:
        super().__init__()
        self.act = act
        self.target = target
        self.error = error
