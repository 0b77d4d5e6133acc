"""A first recipe for a model, data and a machine: what `lt recipe new` proposes, and the text that it writes."""

from __future__ import annotations

from .compose import Answers, compose
from .sniff import Guess, guess, methods_for, sample_rows
from .write import written

__all__ = ["Answers", "Guess", "compose", "guess", "methods_for", "sample_rows", "written"]
