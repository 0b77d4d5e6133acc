"""What PPO asks of models while it writes a round: answers, how likely each token is, its value, its rewards."""

from __future__ import annotations

import inspect
from typing import Any, Mapping, NamedTuple, Sequence

import torch
from torch import Tensor, nn
from transformers import GenerationConfig


class Answers(NamedTuple):
    """Prompts padded on the left, answers on the right; `prompts` are the rows' own."""

    prompt_ids: Tensor
    prompt_mask: Tensor
    ids: Tensor
    prompts: list[Any]
    texts: list[Any]  # as the rewards see them: text, or a list of one message


class ValueHead(nn.Linear):  # type: ignore[misc]
    """A value per token from the state that the output layer reads. It begins at 0, on every process alike."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, states: Tensor) -> Tensor:
        """(rows, tokens, width) → (rows, tokens), in float32 whatever the policy computes in."""
        with torch.autocast(states.device.type, enabled=False):
            return super().forward(states.float()).squeeze(-1)


class States:
    """Keeps what a model's output layer was given in the last forward pass: the states a value is read from.

    A model that returns all its hidden states would hold every layer's for it.
    """

    def __init__(self, model: Any) -> None:
        self._last: Tensor | None = None
        model.get_output_embeddings().register_forward_pre_hook(self._keep)

    def take(self) -> Tensor:
        """The states, once."""
        kept, self._last = self._last, None
        if kept is None:
            raise ValueError("this model's output layer is not called in its forward pass")
        return kept

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._last = inputs[0]


def logits_of(model: Any, ids: Tensor, mask: Tensor, count: int) -> Tensor:
    """The logits that the last `count` tokens of each row were drawn from."""
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "logits_to_keep": count + 1}
    if takes_positions(model):
        # As generation counts them: padding on the left is no position.
        inputs["position_ids"] = (mask.long().cumsum(1) - 1).clamp(min=0)
    logits: Tensor = model(**inputs).logits
    return logits[:, -count - 1 : -1]


def takes_positions(model: Any) -> bool:
    """Whether the model can be told each token's position."""
    inner = getattr(model, "module", model)
    inner = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    return "position_ids" in inspect.signature(inner.forward).parameters


def without_dropout(model: nn.Module) -> None:
    """Turns dropout off: a ratio of probabilities must come from what was learnt, not from what was dropped."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            setattr(module, "attention_dropout", 0.0)  # noqa: B010


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends an answer: the tokenizer's own first, and what the model names beside it, as TRL 1.16 takes
    them. Some families end a turn with another token than a text.
    """
    named = model.generation_config.eos_token_id
    more = named if isinstance(named, list) else [] if named is None else [named]
    return list(dict.fromkeys([tokenizer.eos_token_id, *more]))


def as_drawn(args: Any, model: Any, tokenizer: Any) -> GenerationConfig:
    """Settings by which answers are drawn from the policy as it is.

    transformers fills in what is left open from the model's own `generation_config.json`, and a penalty or a cut from
    there would make the answers those of another policy than the one whose probabilities are compared.
    """
    return GenerationConfig(
        max_new_tokens=args.response_length,
        do_sample=True,
        num_beams=1,
        temperature=args.temperature,
        top_k=0,
        top_p=1.0,
        # Taken as 0 it would cost a sort for each token.
        min_p=None if model.generation_config.min_p is None else 0.0,
        typical_p=1.0,
        epsilon_cutoff=0.0,
        eta_cutoff=0.0,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        use_cache=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=end_tokens(model, tokenizer),
    )


def prompt_inputs(prompts: Sequence[Any], tokenizer: Any, device: Any) -> tuple[Tensor, Tensor]:
    """(ids, mask) of prompts, messages through the chat template, padded on the left."""
    messages = bool(prompts) and not isinstance(prompts[0], str)
    texts = (
        [tokenizer.apply_chat_template(p, add_generation_prompt=True, tokenize=False) for p in prompts]
        if messages
        else list(prompts)
    )
    inputs = tokenizer(
        texts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=not messages
    ).to(device)
    return inputs["input_ids"], inputs["attention_mask"]


def write_answers(
    model: Any, tokenizer: Any, prompts: Sequence[Any], settings: Any, device: Any, at_once: int
) -> Answers:
    """Lets the model answer each prompt, so many at once; `settings` is transformers' GenerationConfig."""
    ids, mask = prompt_inputs(prompts, tokenizer, device)
    with torch.no_grad():
        parts = [
            model.generate(input_ids=some, attention_mask=seen, generation_config=settings)[:, ids.shape[1] :]
            for some, seen in zip(ids.split(at_once), mask.split(at_once))
        ]
    longest = max(part.shape[1] for part in parts)
    padded = [nn.functional.pad(part, (0, longest - part.shape[1]), value=tokenizer.pad_token_id) for part in parts]
    new = torch.cat(padded)
    plain = tokenizer.batch_decode(new, skip_special_tokens=True)
    texts = plain if isinstance(prompts[0], str) else [[{"role": "assistant", "content": text}] for text in plain]
    return Answers(ids, mask, new, list(prompts), texts)


def graded(
    functions: Sequence[Any],
    tokenizers: Sequence[Any],
    rows: Sequence[Mapping[str, Any]],
    answers: Answers,
    at_once: int,
) -> Tensor:
    """(answers, functions): what each function or reward model says of each answer, NaN where it says nothing.

    A model reads so many at once; a function sees all of them.
    """
    device = answers.ids.device
    columns = {key: [row[key] for row in rows] for key in rows[0] if key not in ("prompt", "completion")}
    found = []
    for function, tokenizer in zip(functions, tokenizers):
        if isinstance(function, nn.Module):
            found.append(_graded_by_model(function, tokenizer, answers, device, at_once))
            continue
        said = function(prompts=answers.prompts, completions=answers.texts, **columns)
        if len(said) != len(rows):
            raise ValueError(f"reward {function.__name__} gave {len(said)} numbers for {len(rows)} answers")
        found.append(torch.tensor([float("nan") if one is None else float(one) for one in said], device=device))
    return torch.stack(found, 1).float()


def _graded_by_model(model: Any, tokenizer: Any, answers: Answers, device: Any, at_once: int) -> Tensor:
    if isinstance(answers.prompts[0], str):
        texts = [prompt + text for prompt, text in zip(answers.prompts, answers.texts)]
    else:
        texts = [
            tokenizer.apply_chat_template([*prompt, *text], tokenize=False)
            for prompt, text in zip(answers.prompts, answers.texts)
        ]
    found = []
    for start in range(0, len(texts), at_once):
        some = texts[start : start + at_once]
        inputs = tokenizer(some, return_tensors="pt", padding=True, padding_side="right", add_special_tokens=False)
        with torch.no_grad():
            found.append(model(**inputs.to(device)).logits[:, 0].float())
    return torch.cat(found)
