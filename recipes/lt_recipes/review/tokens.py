"""How many tokens a text has: by the model's tokenizer where it is at hand, else an estimate from its characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PER_TURN = 5
"""Tokens that a chat template adds to each turn: `<|im_start|>`, the role, a line end, `<|im_end|>`, a line end."""

_PER_TOKEN = 4.0  # characters of a Latin script in a token, by OpenAI's rule of thumb for English
_PER_WIDE = 1.5  # Chinese, Japanese and Korean characters in a token, for vocabularies that know them


@dataclass(frozen=True)
class Counter:
    """Counts tokens of texts. `exact`: by a tokenizer, not by characters."""

    count: Callable[[Sequence[str]], list[int]]
    exact: bool


def counter_for(folder: Path | None) -> Counter:
    """By `tokenizer.json` in `folder` where that is there and the package `tokenizers` is installed."""
    if folder is not None and (folder / "tokenizer.json").is_file():
        try:
            from tokenizers import Tokenizer

            tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
            tokenizer.no_truncation()
            tokenizer.no_padding()
        except Exception:  # it raises plain Exception for a file that it can't read; then characters have to do
            return Counter(_by_characters, exact=False)

        def by_tokenizer(texts: Sequence[str]) -> list[int]:
            return [len(found.ids) for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

        return Counter(by_tokenizer, exact=True)
    return Counter(_by_characters, exact=False)


def _by_characters(texts: Sequence[str]) -> list[int]:
    return [estimated_tokens(text) for text in texts]


def estimated_tokens(text: str) -> int:
    """An estimate; right within a third for English and Chinese, too low for code and rare scripts."""
    wide = 0 if text.isascii() else sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return round((len(text) - wide) / _PER_TOKEN + wide / _PER_WIDE)
