"""The pure decisions around a training: rows, arguments, best and early stopping, lines of the log, failures."""

from __future__ import annotations

import errno
import json
import math
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from lt_agent.formats import BadRow
from lt_agent.trainers.arguments import Device, trainer_arguments
from lt_agent.trainers.checkpoints import missing_state
from lt_agent.trainers.control import Requests
from lt_agent.trainers.data import data_digest, pick_rows
from lt_agent.trainers.failures import TrainingFailure, classify
from lt_agent.trainers.hub import needs_hub, settle_reach
from lt_agent.trainers.job import load_job
from lt_agent.trainers.progress import (
    Goal,
    Progress,
    clock,
    goal_of,
    metrics_line,
    progress_from,
    progress_line,
)
from support.training import Attempt, tiny_recipe

KNOWN = {"learning_rate", "max_steps", "per_device_train_batch_size", "logging_steps", "max_length"}
KNOWN |= {"gradient_checkpointing", "bf16", "fp16", "report_to"}


def arguments(tmp_path: Path, device: Device, train: dict[str, Any], **sections: Any) -> dict[str, Any]:
    recipe = tiny_recipe(tmp_path / "d.jsonl", train=train, **sections)
    job = load_job(Attempt(tmp_path / "a", recipe).paths.worker)
    return trainer_arguments(job, KNOWN, device, evaluates=bool(sections.get("eval")))


def test_held_out_rows_are_never_trained_on_even_when_weights_repeat_rows() -> None:
    train, held = pick_rows([10, 10], [2.0, 0.5], 0.2, seed=1)
    assert train is not None
    assert len(held) == 4
    assert not set(train) & set(held)
    first = [index for index in train if index < 10]
    assert len(first) == 2 * len(set(first))
    second = [index for index in range(10, 20) if index not in held]
    assert len([index for index in train if index >= 10]) == round(len(second) / 2)


def test_the_split_depends_on_the_seed_alone() -> None:
    assert pick_rows([50], [1.0], 7, seed=3) == pick_rows([50], [1.0], 7, seed=3)
    assert pick_rows([50], [1.0], 7, seed=3) != pick_rows([50], [1.0], 7, seed=4)


def test_without_split_and_weights_the_rows_stay_as_they_are() -> None:
    assert pick_rows([5, 5], [1.0, 1.0], 0, seed=1) == (None, [])


@pytest.mark.parametrize("held_out", [0.01, 10, 11])
def test_a_split_that_leaves_one_side_empty_is_refused(held_out: float) -> None:
    with pytest.raises(TrainingFailure, match="bad_recipe"):
        pick_rows([10], [1.0], held_out, seed=1)


def test_the_data_digest_knows_content_not_place(tmp_path: Path) -> None:
    for folder, text in (("x", "1"), ("y", "1"), ("z", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "d.jsonl").write_text(text)
    x, y, z = (data_digest([{"path": str(tmp_path / f / "d.jsonl"), "type": "text"}]) for f in "xyz")
    assert x == y != z
    assert x != data_digest([{"path": str(tmp_path / "x/d.jsonl"), "type": "text", "max_samples": 1}])


def test_bf16_is_used_only_where_the_gpu_has_it(tmp_path: Path) -> None:
    assert arguments(tmp_path / "1", Device("cuda", bf16=True), {})["bf16"] is True
    assert arguments(tmp_path / "2", Device("cuda", bf16=False), {})["bf16"] is False
    assert arguments(tmp_path / "3", Device("cpu", bf16=False), {})["bf16"] is False
    assert "bf16" not in arguments(tmp_path / "4", Device("cuda", bf16=True), {"fp16": True})


def test_lt_keeps_what_makes_resume_and_rotation_right(tmp_path: Path) -> None:
    made = arguments(tmp_path, Device("cpu", bf16=False), {})
    assert made["logging_nan_inf_filter"] is False
    assert made["save_total_limit"] is None
    assert made["report_to"] == "none"
    assert made["eval_strategy"] == "no"
    assert (made["save_strategy"], made["save_steps"]) == ("steps", 100)


def test_without_intervals_it_saves_and_evaluates_after_each_epoch(tmp_path: Path) -> None:
    made = arguments(
        tmp_path, Device("cpu", bf16=False), {}, save={"save_steps": None}, eval={"val_set_size": 2, "eval_steps": None}
    )
    assert (made["save_strategy"], made["eval_strategy"]) == ("epoch", "epoch")


def test_unknown_and_reserved_arguments_are_all_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure) as caught:
        arguments(tmp_path, Device("cpu", bf16=False), {"learning_rat": 1, "output_dir": "x"})
    assert caught.value.reason == "bad_recipe"
    assert "did you mean learning_rate?" in caught.value.message
    assert "train.output_dir is not for recipes" in caught.value.message


def test_patience_ends_after_so_many_evaluations_without_gain() -> None:
    goal, progress = Goal(patience=2, threshold=0.1), Progress()
    assert [progress.evaluated(goal, value) for value in (1.0, 0.95, 0.8, 0.79, 0.78)] == [
        (True, False),
        (False, False),
        (True, False),
        (False, False),
        (False, True),
    ]


def test_best_is_chosen_among_the_saved_checkpoints() -> None:
    goal, progress = goal_of({"metric_for_best": "accuracy"}), Progress()
    assert goal == Goal("eval_accuracy", greater_is_better=True)
    assert [progress.saved(goal, value) for value in (0.5, None, math.nan, 0.4, 0.6)] == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_progress_survives_a_resume_and_distrusts_what_it_reads() -> None:
    progress = Progress(best=0.5, best_saved=0.6, stale=1, num_tokens=300.0)
    assert progress_from(json.loads(json.dumps({"progress": progress.as_dict()}))) == progress
    assert progress_from({}) == Progress()
    assert progress_from({"progress": {"best": "x", "stale": None}}) == Progress()


def test_nan_is_null_in_the_metrics() -> None:
    line = metrics_line({"loss": math.nan, "grad_norm": math.inf, "lr": 1, "note": "x", "flag": True}, 3, 1.5)
    assert line == {"step": 3, "time": 1.5, "loss": None, "grad_norm": None, "lr": 1.0}


def test_the_log_line_tells_step_loss_and_time_left() -> None:
    line = progress_line({"loss": 1.234, "learning_rate": 2e-4}, 10, 200, 3.2)
    assert line == "step 10/200  loss 1.2340  lr 2.0e-04  3.2 it/s  ETA 00:59"
    assert progress_line({"loss": 1.0}, 1, 3, 0.5).endswith("2.0 s/it  ETA 00:04")
    assert clock(3661) == "1:01:01"


def test_a_save_request_is_answered_once(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path / "a", {})
    requests = Requests(attempt.paths)
    assert requests.agreed() == (False, False)
    attempt.paths.save_request.write_text('{"seq": 1}')
    assert requests.agreed() == (False, True)
    assert requests.agreed() == (False, False)
    attempt.paths.save_request.write_text('{"seq": 2}')
    attempt.paths.stop_request.write_text("{}")
    assert requests.agreed() == (True, True)


def test_missing_state_names_what_an_exact_resume_needs(tmp_path: Path) -> None:
    for name in ("adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json", "rng_state.pth"):
        (tmp_path / name).touch()
    assert missing_state(tmp_path, 1, {}) == []
    assert missing_state(tmp_path, 2, {}) == ["rng_state_0.pth", "rng_state_1.pth"]
    assert missing_state(tmp_path, 1, {"method": "ppo"}) == ["ppo_0.safetensors"]
    assert missing_state(tmp_path, 1, {"parallel": {"strategy": "fsdp"}}) == ["pytorch_model_fsdp.bin"]
    (tmp_path / "adapter_model.safetensors").rename(tmp_path / "pytorch_model.bin")
    (tmp_path / "scheduler.pt").unlink()
    assert missing_state(tmp_path, 1, {}) == ["weights (safetensors)", "scheduler.pt"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "oom"),
        (OSError(errno.ENOSPC, "full", "/data/x"), "disk_full"),
        (OSError(errno.EDQUOT, "quota"), "disk_full"),
        (ModuleNotFoundError("no", name="flash_attn"), "missing_module"),
        (BadRow("not an object", Path("d.jsonl"), "line 3"), "bad_data"),
        (TrainingFailure("nan", "loss is nan"), "nan"),
        (RuntimeError("boom"), "exception"),
    ],
)
def test_the_reason_is_found_by_type_also_under_other_errors(error: Exception, reason: str, tmp_path: Path) -> None:
    assert classify(error, tmp_path).reason == reason
    try:
        try:
            raise error
        except type(error) as inner:
            raise RuntimeError("while saving") from inner
    except RuntimeError as outer:
        assert classify(outer, tmp_path).reason == reason


def test_an_unreachable_hub_is_asked_once_and_then_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe(tmp_path / "d.jsonl", model={"from_config": None, "name_or_path": "nobody/nothing"})
    job = load_job(Attempt(tmp_path / "a", recipe).paths.worker)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        for name in ("HF_HUB_OFFLINE", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        settle_reach(job)
        assert os.environ.get("HF_HUB_OFFLINE") == "1"
        monkeypatch.delenv("HF_HUB_OFFLINE")
        taken.listen()
        settle_reach(job)
        assert "HF_HUB_OFFLINE" not in os.environ


def test_a_recipe_of_files_needs_no_hub(tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    data.touch()
    assert not needs_hub(load_job(Attempt(tmp_path / "a", tiny_recipe(data)).paths.worker))
    hub = tiny_recipe(data)
    hub["datasets"].append({"path": "owner/rows", "type": "text"})
    assert needs_hub(load_job(Attempt(tmp_path / "b", hub).paths.worker))


def test_a_conversation_that_the_chat_template_refuses_is_bad_data(tmp_path: Path) -> None:
    jinja2 = pytest.importorskip("jinja2")
    told = classify(jinja2.TemplateError("System role not supported"), tmp_path)
    assert (told.reason, "System role not supported" in told.message) == ("bad_data", True)
