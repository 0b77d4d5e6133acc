"""Which tokens are the assistant's, for chat templates that do not say so themselves.

TRL asks the template for marks (`{% generation %}`), and knows marked versions of some families' templates. For any
other one the conversation is rendered turn by turn: what an assistant's turn adds to the text is what it wrote.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .data import Data
from .failures import TrainingFailure
from .job import say


def with_turns_marked(data: Data, tokenizer: Any, args: Any) -> Data:
    """`data` with tokens and masks where TRL could not make them; then `args.assistant_only_loss` is turned off, since
    the masks say it all. Raises TrainingFailure `bad_recipe` or `bad_data`.
    """
    if not getattr(args, "assistant_only_loss", False) or args.chat_template_path is not None:
        return data
    if "completion" in data.train.column_names and args.completion_only_loss is not False:
        # The completion alone is learnt from, and that is what the assistant says.
        args.assistant_only_loss = False
        return data
    if "messages" not in data.train.column_names or _trl_can(tokenizer):
        return data
    say("the chat template marks no turns: they are told apart by rendering each conversation turn by turn")
    args.assistant_only_loss = False
    train, held = (None if part is None else _marked(part, tokenizer, args) for part in (data.train, data.eval))
    return Data(train, held, data.digest)


def assistant_spans(messages: Sequence[Mapping[str, Any]], render: Any) -> tuple[str, list[tuple[int, int]]]:
    """(the whole text, start and end of what the assistant wrote in it, the token that ends its turn included).

    `render(messages, prompt)` gives a conversation as text, with `prompt` up to where the assistant begins. Raises
    ValueError where a later turn changes how an earlier one is written: then no text is certainly the assistant's.
    """
    whole = render(messages, False)
    spans = []
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = _start(whole, messages[:number], str(message["content"]), render)
        until = render(messages[: number + 1], False)
        if start is None or not whole.startswith(until):
            raise ValueError("a turn is written otherwise once another one follows")
        written = until[start:]
        short = written.rstrip()
        # A line break behind the end token belongs to nobody; one that is itself the end of the turn does.
        spans.append((start, start + len(written if short.lstrip() == str(message["content"]).strip() else short)))
    return whole, spans


def _start(whole: str, before: Sequence[Mapping[str, Any]], content: str, render: Any) -> int | None:
    asked, plain = render(before, True), render(before, False) if before else ""
    if asked != plain and whole.startswith(asked):
        return len(asked)
    # A template may have no words for who begins, and what it puts before a new answer (an empty thought, say) need
    # not stand before an old one.
    if not whole.startswith(plain):
        return None
    # Some trim what is said.
    places = (whole.find(text, len(plain)) for text in (content, content.strip()))
    return next((place for place in places if place >= 0), None)


def _trl_can(tokenizer: Any) -> bool:
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return True
    try:
        return get_training_chat_template(tokenizer) is not None
    except ValueError:
        return False


def _marked(rows: Any, tokenizer: Any, args: Any) -> Any:
    return rows.map(
        _tokens,
        with_indices=True,
        fn_kwargs={"tokenizer": tokenizer},
        remove_columns=rows.column_names,
        num_proc=args.dataset_num_proc,
    )


def _tokens(row: Mapping[str, Any], index: int, tokenizer: Any) -> dict[str, list[int]]:
    def render(messages: Sequence[Mapping[str, Any]], prompt: bool) -> str:
        return str(tokenizer.apply_chat_template(list(messages), add_generation_prompt=prompt, tokenize=False))

    try:
        whole, spans = assistant_spans(row["messages"], render)
    except ValueError as error:
        raise TrainingFailure(
            "bad_recipe",
            f"train.assistant_only_loss: row {index + 1}: the chat template can't be taken apart ({error}); give "
            "train.chat_template_path a template with {% generation %} marks, or leave it out",
        ) from None
    if not spans:
        raise TrainingFailure("bad_data", f"train.assistant_only_loss: row {index + 1} has no turn of the assistant")
    found = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    mask = [int(any(start <= a < end for start, end in spans) and b > a) for a, b in found["offset_mapping"]]
    return {"input_ids": found["input_ids"], "assistant_masks": mask}
