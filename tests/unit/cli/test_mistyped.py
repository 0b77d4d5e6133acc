"""Words in the wrong place, and words that are nearly right."""

from __future__ import annotations

from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host
from support.cli import Lt
from support.store import Store


def test_a_recipe_before_the_host_is_told_with_the_right_order(lt: Lt, store: Store) -> None:
    said = lt("submit", "tiny-sft", "local", code=2).err
    assert "local is a host, and tiny-sft is none" in said
    assert "lt submit local tiny-sft" in said


def test_ps_of_a_host_that_is_not_there_names_the_near_one(lt: Lt, store: Store) -> None:
    HostsFile(store.home.hosts_file).add(Host("gpubox", "gpubox.example"))
    assert "near it: gpubox" in lt("ps", "--host", "gpubx", code=4).err
    store.job("old", "running", host="gone")
    assert "old" in lt("ps", "--host", "gone").out
    assert lt("ps", "--host", "gpubox").code == 0


def test_a_place_may_be_a_host_or_a_job(lt: Lt, store: Store) -> None:
    assert "no host and no job gpubox" in lt("ssh", "gpubox", code=4).err
    assert "no host and no job gpubox" in lt("forward", "gpubox", "6006", code=4).err


def test_a_moment_is_told_with_all_its_forms(lt: Lt) -> None:
    assert "2026-11-21T08:00" in lt("cost", "--since", "foo", code=2).err


def test_what_people_type_first_is_answered_with_the_key(lt: Lt) -> None:
    known = {"lr=1e-4": "learning_rate", "train.epochs=1": "num_train_epochs", "cutoff_len=9": "max_length"}
    for typed, key in known.items():
        assert key in lt("submit", "local", "tiny-sft", typed, code=2).err


def test_an_unknown_recipe_is_answered_with_a_few_names(lt: Lt, store: Store) -> None:
    said = lt("recipe", "show", "sft-loar", code=2).err
    assert "did you mean sft-lora" in said and len(said) < 400
