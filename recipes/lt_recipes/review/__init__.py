"""What would fail, or go otherwise than meant, once a recipe runs: looked for before anything is sent.

The recipe is valid already; here it is held against its data, its model's files, and the host. Pure functions over
what was read, but for `survey`, which reads data files, and `tokens`, which reads a tokenizer.
"""

from __future__ import annotations

from .findings import Finding
from .host_rules import Machine, host_findings
from .rules import ModelFiles, findings
from .survey import Survey, survey
from .tokens import Counter, counter_for

__all__ = [
    "Counter",
    "Finding",
    "Machine",
    "ModelFiles",
    "Survey",
    "counter_for",
    "findings",
    "host_findings",
    "survey",
]
