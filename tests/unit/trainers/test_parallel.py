"""Several processes that train as one: what is prepared before, what they agree on, and how they end."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from lt_agent.trainers.launchers import Alone, OneHost, launcher_for
from lt_agent.trainers.parallel import deepspeed_config, fsdp_config, parallel_arguments
from support.training import Attempt, WhenTrained, last_checkpoint, method_recipe, tiny_recipe, weights
from support.wait import until

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

pytestmark = pytest.mark.train

TWO = {"processes": 2}


def job(tmp_path: Path, **sections: Any) -> Any:
    from lt_agent.trainers.job import load_job

    return load_job(str(Attempt(tmp_path / "a", {"method": "sft", **sections}).paths.worker))


def test_the_way_to_start_follows_from_gpus_processes_and_strategy(tmp_path: Path) -> None:
    found = [
        launcher_for(job(tmp_path / str(number), **sections))
        for number, sections in enumerate(
            [
                {"resources": {"gpus": 1}},
                {"resources": {"gpus": 4}},
                {"resources": {"gpus": 0}, "parallel": TWO},
                {"resources": {"gpus": 1}, "parallel": {"strategy": "fsdp"}},
            ]
        )
    ]
    assert found == [Alone(), OneHost(4), OneHost(2), OneHost(1)]
    command = found[1].command("w.json")
    assert command[command.index("--nproc-per-node") + 1] == "4"
    assert {"--standalone", "127.0.0.1"} <= set(command)


def test_strategies_become_arguments_and_no_checkpoint_of_theirs_is_a_pickle() -> None:
    assert parallel_arguments({"parallel": {"strategy": "ddp"}}) == parallel_arguments({}) == {}
    block = {"strategy": "fsdp", "sharding": "shard_grad_op", "offload": True, "wrap": ["LlamaDecoderLayer"]}
    config = parallel_arguments({"parallel": block})["fsdp_config"]
    assert config["reshard_after_forward"] is False and config["cpu_offload"] is True
    assert config["state_dict_type"] == "FULL_STATE_DICT"
    assert fsdp_config({}, adapter=True)["cpu_ram_efficient_loading"] is False
    zero = deepspeed_config(
        {"zero_stage": 3, "offload": True, "config": {"zero_optimization": {"overlap_comm": False}}}
    )
    assert zero["zero_optimization"]["stage"] == 3
    assert zero["zero_optimization"]["overlap_comm"] is False
    assert zero["zero_optimization"]["offload_param"]["device"] == "cpu"


def test_transformers_takes_the_arguments_of_fsdp(tmp_path: Path) -> None:
    from trl import SFTConfig

    block = {"strategy": "fsdp", "wrap": ["LlamaDecoderLayer"], "offload": True, "activation_checkpointing": True}
    plain = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "gradient_checkpointing": False}
    args = SFTConfig(**plain, **parallel_arguments({"parallel": block}))
    assert args.fsdp_plugin_args["fsdp_version"] == 2
    assert args.fsdp_plugin_args["cpu_offload"] is True
    assert args.fsdp_plugin_args["activation_checkpointing"] is True
    assert args.fsdp_plugin_args["state_dict_type"] == "FULL_STATE_DICT"


def arrow_files(attempt: Attempt) -> set[Path]:
    return set((attempt.paths.path / "cache").rglob("*.arrow"))


LONGER = [pytest.param(name, marks=pytest.mark.slow) for name in ("dpo", "kto", "reward")]


@pytest.mark.parametrize("method", ["sft", "orpo", *LONGER])
def test_who_trains_finds_every_row_prepared(method: str, tmp_path: Path) -> None:
    from lt_agent.trainers.worker import run

    recipe = method_recipe(tmp_path, method, train={"max_steps": 3}, eval={"val_set_size": 4})
    if method == "sft":
        recipe["train"].update(packing=True, assistant_only_loss=True)
    attempt = Attempt(tmp_path / "a", recipe)
    assert run(str(attempt.paths.worker), prepare_only=True) == 0, attempt.failure()
    prepared, while_training = arrow_files(attempt), []
    assert prepared
    assert attempt.metrics() == []
    with WhenTrained(attempt, 1, lambda: while_training.append(arrow_files(attempt))):
        assert attempt.run_inside() == 0, attempt.failure()
    assert while_training == [prepared], "nothing was tokenised again"


def test_rows_that_are_bad_end_the_job_before_any_process_trains(tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    data.write_text(
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}\nnot json\n'
    )
    attempt = Attempt(tmp_path / "a", tiny_recipe(data, parallel=TWO))
    attempt.write(
        {**attempt.recipe(), "model": {**attempt.recipe()["model"], "tokenizer": {"name_or_path": "/nowhere"}}}
    )
    assert attempt.run() == 1
    failure = attempt.failure()
    assert failure is not None and failure["reason"] == "bad_data" and "line 2" in failure["message"]
    assert "training:" not in attempt.log()


def ranks_of(process: Any) -> list[psutil.Process]:
    """The processes that train, among all that the worker started."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            found += [child] if "RANK" in child.environ() and "--once" in child.cmdline() else []
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_rank_that_is_killed_ends_the_job_with_a_reason_and_leaves_nobody(tmp_path: Path, running: list[Any]) -> None:
    recipe = method_recipe(tmp_path, "sft", train={"max_steps": 100000}, parallel=TWO)
    attempt = Attempt(tmp_path / "a", recipe)
    running.append(attempt.start())
    until(lambda: len(attempt.losses()) >= 3 or running[0].poll() is not None, timeout=180, what="three steps")
    ranks = ranks_of(running[0])
    assert len(ranks) == 2, attempt.log()
    os.kill(ranks[1].pid, signal.SIGKILL)
    assert running[0].wait(timeout=120) == 1
    failure = attempt.failure()
    assert failure is not None
    # Which of the two is first to tell depends on who notices the broken connection sooner.
    assert failure["reason"] in ("rank_died", "exception")
    gone = psutil.wait_procs(ranks, timeout=60)
    assert not gone[1]


GREEDY = """
import os

def reward(completions, **columns):
    if os.environ["RANK"] == "1" and len(completions) > 4:
        raise MemoryError(f"no room for {len(completions)}")
    return [float(len(completion[-1]["content"])) for completion in completions]
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_rank_out_of_memory_starts_all_again_with_the_same_rows_a_step(tmp_path: Path) -> None:
    train = {"max_steps": 3, "per_device_train_batch_size": 8}
    recipe = method_recipe(tmp_path, "grpo", "full", train=train, parallel=TWO)
    recipe["grpo"] |= {"num_generations": 2, "steps_per_generation": 1}
    (tmp_path / "letters.py").write_text(GREEDY)
    attempt = Attempt(tmp_path / "a", recipe)
    assert attempt.run() == 0, attempt.log()
    assert [event["params"]["reason"] for event in attempt.events() if event["code"] == "started_again"] == ["oom"]
    plans = [event["params"] for event in attempt.events() if event["code"] == "plan"]
    assert {(plan["processes"], plan["batch_size"]) for plan in plans} == {(2, 16)}
    assert len(attempt.losses()) == 3


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("method", "kind"), [("sft", "full"), ("sft", "lora"), ("grpo", "lora"), ("ppo", "lora")])
def test_two_processes_stop_and_resume_bit_by_bit(method: str, kind: str, tmp_path: Path) -> None:
    train: dict[str, Any] = {"max_steps": 12, "per_device_train_batch_size": 4}
    block = {"ppo": {"num_ppo_epochs": 2}, "grpo": {"num_generations": 4}}
    recipe = method_recipe(tmp_path, method, kind, train=train, parallel=TWO, save={"save_steps": 5})
    if method in block:
        recipe[method] = {**recipe[method], **block[method]}
    whole = Attempt(tmp_path / "whole", recipe)
    assert whole.run() == 0, whole.log()
    second = Attempt(tmp_path / "2", recipe, resume=whole.paths.out / "checkpoint-5", step=5)
    assert second.run() == 0, second.log()
    assert second.losses() == {step: loss for step, loss in whole.losses().items() if step > 5}
    a, b = weights(whole.paths.out / "final"), weights(second.paths.out / "final")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert last_checkpoint(second)[0] == 12


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_jobs_of_a_machine_do_not_meet(tmp_path: Path, running: list[Any]) -> None:
    recipe = method_recipe(tmp_path, "sft", train={"max_steps": 4}, parallel=TWO)
    attempts = [Attempt(tmp_path / name, recipe) for name in ("a", "b")]
    running += [attempt.start() for attempt in attempts]
    assert [process.wait(timeout=300) for process in running] == [0, 0], attempts[0].log() + attempts[1].log()
    assert attempts[0].losses() == attempts[1].losses()
    assert len(attempts[0].losses()) == 4
