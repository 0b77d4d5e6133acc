"""Which language a person reads."""

from __future__ import annotations

import os
from collections.abc import Mapping

LANGUAGES = ("en", "zh")


def language(environment: Mapping[str, str] | None = None) -> str:
    """`en` or `zh`: by `LT_LANG`, else by the locale's variables, else English."""
    variables = os.environ if environment is None else environment
    asked = variables.get("LT_LANG", "").strip().lower()[:2]
    if asked in LANGUAGES:
        return asked
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := variables.get(name, ""):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"
