"""Tokenizers trained on the spot, and a chat template for those that come without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

from lt_agent.formats import data_files, read_rows

from .failures import TrainingFailure

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("system", "user", "assistant", "tool")

TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ message['content'] + eos_token + '\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
"""Marks the assistant's turns, their end included, so that `assistant_only_loss` learns those and learns to stop."""


def train_tokenizer(source: str, vocab_size: int, max_length: int | None) -> Any:
    """A byte-level BPE tokenizer (no text is unknown to it) with role tokens and `TEMPLATE`, from a file or folder.

    Every text in a data file's rows counts; a `.txt` file counts line by line. Raises BadRow for a malformed file,
    TrainingFailure `bad_data` where there is none.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    path = Path(source)
    if not path.exists():
        raise TrainingFailure("bad_data", f"model.tokenizer.train_from: there is no {source}")
    specials = [PAD, END, *(f"<|{role}|>" for role in ROLES)]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if vocab_size < len(specials) + len(alphabet):
        raise TrainingFailure(
            "bad_recipe", f"model.tokenizer.vocab_size must be at least {len(specials) + len(alphabet)}"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_texts(path), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=[f"<|{role}|>" for role in ROLES],
        chat_template=TEMPLATE,
        model_max_length=max_length or int(1e9),
        padding_side="right",
    )


def _texts(path: Path) -> Iterator[str]:
    if path.suffix.lower() == ".txt":
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            yield from lines
        return
    for file in data_files(path):
        if file.suffix.lower() == ".parquet":
            raise TrainingFailure("bad_recipe", "model.tokenizer.train_from reads jsonl, json, csv and txt")
        for _, row in read_rows(file):
            yield from _strings(row)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
