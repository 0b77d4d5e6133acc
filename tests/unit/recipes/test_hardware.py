"""Which build of torch a driver and its GPUs can run."""

from __future__ import annotations

from typing import Any

import pytest

from lt_recipes.hardware import NoEnvironmentError, capability, driver_cuda, torch_backend, torch_works, version, within


def facts(*gpus: str, cuda: str | None = None, driver: str | None = None, **more: Any) -> dict[str, Any]:
    return {"gpus": [{"index": n, "name": name} for n, name in enumerate(gpus)], "cuda": cuda, "driver": driver, **more}


@pytest.mark.parametrize(
    ("found", "bounds", "inside"),
    [
        ("2.6.0", ">=2.6,<3", True),
        ("2.6", ">=2.6.0,<3", True),
        ("2.6.0a0+df5bbc09d1.nv24.12", ">=2.6,<3", True),
        ("2.13.0+cu130", ">=2.6,<3", True),
        ("2.5.1", ">=2.6,<3", False),
        ("3.0.0", ">=2.6,<3", False),
        ("1.16.3", ">=1.16,<1.17", True),
        ("1.17.0", ">=1.16,<1.17", False),
        ("2.0", "==2", True),
        (None, ">=1", False),
        ("unknown", ">=1", False),
    ],
)
def test_versions_are_compared_by_their_numbers(found: str | None, bounds: str, inside: bool) -> None:
    assert within(found, bounds) == inside


def test_a_version_is_its_leading_numbers() -> None:
    assert version("v12.8") == (12, 8)
    assert version("") == version(None) == version("x") == ()
    assert version("9" * 50) != ()


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("NVIDIA H100 80GB HBM3", 9.0),
        ("NVIDIA H200", 9.0),
        ("NVIDIA H20", 9.0),
        ("NVIDIA B200", 10.0),
        ("NVIDIA GB200", 10.0),
        ("NVIDIA GeForce RTX 5090", 10.0),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 10.0),
        ("Tesla V100-SXM2-32GB", 7.0),
        ("Tesla P100-PCIE-16GB", 6.0),
        ("Tesla P40", 6.0),
        ("NVIDIA GeForce GTX 1080 Ti", 6.0),
        ("Tesla M40", 5.0),
        ("Tesla K80", 3.5),
        ("NVIDIA A100-SXM4-80GB", None),
        ("NVIDIA GeForce RTX 4090", None),
        ("NVIDIA GeForce RTX 3090", None),
        ("Tesla T4", 7.5),
        ("NVIDIA GeForce RTX 2080 Ti", 7.5),
        ("Quadro RTX 8000", 7.5),
        ("NVIDIA RTX 4000 Ada Generation", None),
        ("NVIDIA RTX A4000", None),
        ("NVIDIA L40S", None),
        ("NVIDIA A10", None),
        ("NVIDIA RTX A6000", None),
        ("NVIDIA GeForce GTX 1660 Ti", 7.5),
    ],
)
def test_only_gpus_at_the_edges_need_to_be_known_by_name(name: str, least: float | None) -> None:
    assert capability({"name": name}) == least


def test_a_capability_that_the_probe_knows_counts() -> None:
    assert capability({"name": "Tesla K80", "compute_cap": "8.6"}) == 8.6


@pytest.mark.parametrize(
    ("cuda", "driver", "known"),
    [
        ("12.8", "570.1", (12, 8)),
        (None, "580.65.06", (13, 0)),
        (None, "535.1", (12, 0)),
        (None, "470.1", (11, 0)),
        (None, None, ()),
    ],
)
def test_the_drivers_cuda_is_said_or_follows_from_its_version(cuda: Any, driver: Any, known: Any) -> None:
    assert driver_cuda(facts("x", cuda=cuda, driver=driver)) == known


@pytest.mark.parametrize(
    ("found", "gpus", "backend"),
    [
        (facts(), 1, "cpu"),
        (facts("NVIDIA A100", cuda="13.0"), 0, "cpu"),
        (facts("NVIDIA A100", cuda="13.0"), 1, "cu130"),
        (facts("NVIDIA A100", cuda="13.3"), 1, "cu130"),
        (facts("NVIDIA A100", cuda="12.8"), 1, "cu126"),
        (facts("NVIDIA A100", cuda="12.2", driver="535.54"), 1, "cu126"),
        (facts("NVIDIA A100"), 1, "cu130"),
        (facts("Tesla V100-SXM2", cuda="13.0"), 1, "cu126"),
        (facts("Tesla V100-SXM2", "NVIDIA A100", cuda="13.0"), 2, "cu126"),
        (facts("NVIDIA B200", cuda="13.0"), 1, "cu130"),
        (facts("NVIDIA H100", cuda="14.1"), 1, "cu130"),
    ],
)
def test_the_newest_build_that_driver_and_gpus_know_is_taken(found: Any, gpus: int, backend: str) -> None:
    assert torch_backend(found, gpus) == backend


@pytest.mark.parametrize(
    ("found", "code", "param"),
    [
        (facts("NVIDIA A100", cuda="11.4", driver="470.1"), "driver_too_old", ("needed", "525.60.13")),
        (facts("NVIDIA B200", cuda="12.8", driver="570.1"), "driver_too_old", ("needed", "580.65.06")),
        (facts("Tesla K80", cuda="11.4"), "gpu_too_old", ("gpu", "Tesla K80")),
        (facts("Tesla V100", "NVIDIA B200", cuda="13.0"), "gpu_mix", ("gpus", "NVIDIA B200, Tesla V100")),
        (facts(accelerators=[{"kind": "rocm", "count": 8}]), "accelerator_unsupported", ("kind", "rocm")),
    ],
)
def test_what_no_build_runs_on_is_told_by_what_is_needed(found: Any, code: str, param: tuple[str, str]) -> None:
    with pytest.raises(NoEnvironmentError) as caught:
        torch_backend(found, 1)
    assert caught.value.code == code
    assert caught.value.params[param[0]] == param[1]


@pytest.mark.parametrize(
    ("torch_cuda", "found", "gpus", "works"),
    [
        (None, facts(), 1, True),
        (None, facts("NVIDIA A100", cuda="12.4"), 0, True),
        (None, facts("NVIDIA A100", cuda="12.4"), 1, False),
        ("12.4", facts("NVIDIA A100", cuda="12.2"), 1, True),
        ("13.0", facts("NVIDIA A100", cuda="12.8"), 1, False),
        ("11.8", facts("NVIDIA A100", cuda="12.8"), 1, True),
        ("12.6", facts("NVIDIA GeForce RTX 5090", cuda="13.0"), 1, False),
        ("12.8", facts("NVIDIA GeForce RTX 5090", cuda="13.0"), 1, True),
        ("13.0", facts("Tesla V100", cuda="13.0"), 1, False),
        ("12.6", facts("NVIDIA A100"), 1, True),
    ],
)
def test_whether_a_torch_works_on_a_host(torch_cuda: Any, found: Any, gpus: int, works: bool) -> None:
    assert torch_works({"packages": {"torch": "2.7.0"}, "cuda": torch_cuda}, found, gpus) == works


def test_an_interpreter_without_torch_has_none_that_works() -> None:
    assert not torch_works({"packages": {}}, facts(), 0)
