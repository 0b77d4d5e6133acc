"""Reads and tokenises the data once, in a process of its own, before several processes that train together start.

They find its results in the attempt's cache: `datasets` names a prepared file by what was done to which rows. Done in
the first of them, it would keep the others waiting inside a collective operation, which ends them after half an hour.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from .arguments import Device, build, field_names, trainer_arguments
from .control import EarlyLeave, Requests
from .data import load_data
from .hang import Watch
from .job import WorkerJob, say
from .models import load_tokenizer
from .turns import with_turns_marked

_STAND_IN = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
}
"""In place of the recipe's model, which may take minutes to load: no row looks at a weight while it is tokenised."""

_OFF = {
    "precompute_ref_log_probs": False,
    "use_liger_kernel": False,
    "gradient_checkpointing": False,
    "bf16": False,
    "fp16": False,
    "torch_compile": False,
}
"""What a trainer would do with its model when it is built."""


def prepare(job: WorkerJob, requests: Requests, leave: EarlyLeave, watch: Watch, resumed: dict[str, Any]) -> None:
    """Leaves the prepared rows in `job.cache`. Raises what reading and tokenising raise.

    It builds the method's own trainer, so that what it prepares is what the ranks would have prepared.
    """
    from .common import built, prepared
    from .quiet import plain_log

    method = importlib.import_module(f".{job.method}", __package__).METHOD
    say(f"preparing the data once for {job.processes} processes …")
    library = importlib.import_module(method.module)
    plain_log()
    data = load_data(job)
    if not method.tokenises:
        return
    requests.leave_if_asked()
    tokenizer = load_tokenizer(job)
    config = getattr(library, method.config)
    own = {**method.defaults, **job.section(method.block)}
    alone = dataclasses.replace(job, recipe={**job.recipe, **_alone(job)})
    arguments = trainer_arguments(alone, field_names(config), Device("cpu", bf16=False), data.eval is not None, own)
    arguments |= {key: value for key, value in _OFF.items() if key in arguments}
    args = build(config, {**arguments, "report_to": "none"})
    data = with_turns_marked(data, tokenizer, args)
    model, _ = prepared(method, alone, args, tokenizer)
    watch.begin("tokenising")
    say(f"tokenising {len(data.train)} rows" + (f" and {len(data.eval)} to evaluate on …" if data.eval else " …"))
    built(getattr(library, method.trainer), method, alone, args, data, model, tokenizer, None, [])


def _alone(job: WorkerJob) -> dict[str, Any]:
    return {
        "model": {
            "from_config": _STAND_IN,
            "tokenizer": job.section("model").get("tokenizer"),
            "torch_dtype": "float32",
        },
        "adapter": None,
        "parallel": None,
        "resources": {**job.section("resources"), "gpus": 0},
    }
