"""The assistant's turns, found in what any chat template writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lt_agent.trainers.turns import assistant_spans
from support.training import Attempt, method_recipe

pytestmark = pytest.mark.train

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": "Bye"},
    {"role": "assistant", "content": "So long "},
]

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PLAIN = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
THINKS = CHATML.replace("assistant\n' }}{% endif %}", "assistant\n<think></think>' }}{% endif %}")
TRIMS = "{% for m in messages %}{{ '[INST] ' if m.role != 'assistant' }}{{ m.content | trim }}</s>{% endfor %}"
FORGETS = "{% for m in messages %}{% if loop.last or m.role != 'assistant' %}{{ m.content }}|{% endif %}{% endfor %}"


def rendered(template: str) -> Any:
    import jinja2

    made = jinja2.Environment(trim_blocks=True).from_string(template)
    return lambda messages, prompt: made.render(messages=messages, add_generation_prompt=prompt)


@pytest.mark.parametrize(
    ("template", "found"),
    [
        (CHATML, ["Hi<|im_end|>", "So long <|im_end|>"]),
        (PLAIN, ["Hi\n", "So long \n"]),
        (THINKS, ["Hi<|im_end|>", "So long <|im_end|>"]),
        (TRIMS, ["Hi</s>", "So long</s>"]),
    ],
    ids=["chatml", "plain", "thinks", "trims"],
)
def test_what_a_turn_adds_to_the_text_is_the_assistants_up_to_its_end_token(template: str, found: list[str]) -> None:
    pytest.importorskip("jinja2")
    whole, spans = assistant_spans(TALK, rendered(template))
    assert [whole[start:end] for start, end in spans] == found


def test_a_template_that_forgets_earlier_turns_is_refused() -> None:
    pytest.importorskip("jinja2")
    with pytest.raises(ValueError, match="written otherwise"):
        assistant_spans(TALK, rendered(FORGETS))


def test_a_model_whose_template_has_no_marks_learns_from_the_assistant_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trl")
    from transformers import AutoTokenizer

    begun = Attempt(tmp_path / "1", method_recipe(tmp_path, "sft", "full", train={"max_steps": 1}))
    assert begun.run_inside() == 0, begun.failure()
    model = begun.paths.out / "final"
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.chat_template = CHATML.replace("<|im_end|>", tokenizer.eos_token).replace("<|im_start|>", "@")
    tokenizer.save_pretrained(model)
    recipe = method_recipe(tmp_path, "sft", "full", train={"max_steps": 2, "assistant_only_loss": True})
    recipe["model"] = {"name_or_path": str(model), "torch_dtype": "float32"}
    losses = []
    for name, seen in (("a", {}), ("b", {"question": "an altogether different question, and a longer one"})):
        data = tmp_path / f"{name}.jsonl"
        rows = [json.loads(line) for line in (tmp_path / "messages.jsonl").read_text().splitlines()[:8]]
        for row in rows:
            row["messages"][0]["content"] = seen.get("question", row["messages"][0]["content"])
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        attempt = Attempt(tmp_path / name, {**recipe, "datasets": [{"path": str(data), "type": "messages"}]})
        assert attempt.run_inside() == 0, attempt.failure()
        losses.append(attempt.metrics()[0])
    assert "rendering each conversation turn by turn" in capsys.readouterr().out
    # The same answers are learnt from under longer questions: as many tokens count, more are read.
    assert losses[0]["num_tokens"] < losses[1]["num_tokens"]
    assert abs(losses[0]["loss"] - losses[1]["loss"]) < 0.5


def test_of_rows_with_a_completion_that_is_learnt_from_and_no_marks_are_asked_for() -> None:
    """`sft-lora` asks for the assistant's turns, and may be given data of another type by one word."""
    from types import SimpleNamespace

    from lt_agent.trainers.data import Data
    from lt_agent.trainers.turns import with_turns_marked

    args = SimpleNamespace(assistant_only_loss=True, chat_template_path=None, completion_only_loss=None)
    data = Data(SimpleNamespace(column_names=["prompt", "completion"]), None, "")
    assert with_turns_marked(data, None, args) is data
    assert args.assistant_only_loss is False
