"""`python -m lt_agent.trainers.generate`: one answer from a model folder, as JSON, to see what training did.

    python -m lt_agent.trainers.generate --model out/final --prompt "How do I see free GPU memory?"
    python -m lt_agent.trainers.generate --model out/final --recipe worker.json --untrained --prompt …

With `--untrained` the model as the recipe builds it answers first: before and after, in one start.

A folder with an adapter is put on its base: beside it (`base/`), by `--base`, or by the name in its configuration.
Weights are read from safetensors alone, and no code of the model's is run: the folder may have come from anywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any, Callable, Sequence

from lt_agent.protocol.files import read_json

from .failures import TrainingFailure, classify
from .models import base_of, build_model, is_adapter, load_tokenizer
from .quiet import plain_log, quiet_environment


def generate(model: Any, tokenizer: Any, prompt: str, *, system: str = "", max_new_tokens: int = 96) -> dict[str, Any]:
    """The model's greedy answer to a question: `{"prompt", "answer", "tokens", "seconds"}`.

    Greedy, so that the same model answers the same each time. `seconds` is the generation's own time.
    """
    import torch

    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False).to(model.device)
    model.eval()
    begun = time.monotonic()
    with torch.no_grad():
        output = model.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=max_new_tokens,
            do_sample=False,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
        )
    new = output[0][inputs["input_ids"].shape[1] :]
    answer = tokenizer.decode(new, skip_special_tokens=True).strip()
    return {
        "prompt": prompt,
        "answer": answer,
        "tokens": int(new.shape[0]),
        "seconds": round(time.monotonic() - begun, 3),
    }


def load_folder(folder: Path, base: str | None = None) -> tuple[Any, Any]:
    """(model, tokenizer) from a checkpoint or final model. Raises TrainingFailure `model_not_found`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not folder.is_dir():
        raise TrainingFailure("model_not_found", f"there is no folder {folder}")
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    if not is_adapter(str(folder)):
        return _pretrained(AutoModelForCausalLM, str(folder)), tokenizer
    from peft import PeftModel

    under = base or base_of(folder)
    if under is not None:
        model = _pretrained(AutoModelForCausalLM, under)
    else:
        note = read_json(folder / "lt.json") or {}
        recipe = note.get("recipe") or {}
        if not (recipe.get("model") or {}).get("from_config"):
            raise TrainingFailure("model_not_found", f"{folder} is an adapter, and its base is unknown: give --base")
        model = build_model(recipe["model"], tokenizer, int(recipe.get("seed") or 0))
    return PeftModel.from_pretrained(model, str(folder)), tokenizer


def load_untrained(worker: Path) -> tuple[Any, Any]:
    """(model, tokenizer) as the recipe in `worker` builds them, before any training."""
    from .job import load_job
    from .models import load_model

    job = load_job(worker)
    tokenizer = load_tokenizer(job)
    return load_model(job, tokenizer), tokenizer


def main(argv: Sequence[str] | None = None) -> int:
    """Prints a JSON line per model and prompt. Exit code 0, or 1 with a message on stderr."""
    parser = argparse.ArgumentParser(prog="lt_agent.trainers.generate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, help="a checkpoint's or final model's folder")
    parser.add_argument("--base", help="the model under an adapter: a folder or a hub id")
    parser.add_argument("--recipe", type=Path, help="a worker.json, for --untrained")
    parser.add_argument("--untrained", action="store_true", help="the recipe's model before training")
    parser.add_argument("--prompt", action="append", required=True, help="a question; may be repeated")
    parser.add_argument("--system", default="", help="a system message")
    parser.add_argument("--max-new-tokens", type=int, default=96)
    options = parser.parse_args(argv)
    if options.untrained != (options.recipe is not None) or not (options.untrained or options.model):
        parser.error("give --model FOLDER, or --recipe WORKER.JSON with --untrained, or both")
    quiet_environment()
    try:
        if options.untrained:
            _answer("untrained", options, lambda: load_untrained(options.recipe))
        if options.model:
            _answer(str(options.model), options, lambda: load_folder(options.model, options.base))
    except Exception as error:
        print(classify(error, Path.cwd()), file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _answer(label: str, options: argparse.Namespace, load: Callable[[], tuple[Any, Any]]) -> None:
    with contextlib.redirect_stdout(sys.stderr):  # what loading says is no JSON
        plain_log()
        model, tokenizer = load()
    for prompt in options.prompt:
        answer = generate(model, tokenizer, prompt, system=options.system, max_new_tokens=options.max_new_tokens)
        print(json.dumps({"model": label, **answer}, ensure_ascii=False), flush=True)  # noqa: T201


def _pretrained(auto: Any, name: str) -> Any:
    return auto.from_pretrained(name, use_safetensors=True, dtype="auto")


if __name__ == "__main__":
    sys.exit(main())
