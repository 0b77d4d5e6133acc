"""Which interpreter runs a job."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lt_agent.protocol.records import EnvPlan, from_dict
from lt_inventory.model import Host
from lt_recipes.environments import Asked, NoEnvironmentError, index_variables, plan
from lt_recipes.locks import load_lock, package_name

COMPLETE = {"torch": "2.7.0", "transformers": "5.1.0", "trl": "1.16.0", "peft": "0.21.0"}
COMPLETE |= {"accelerate": "1.10.0", "datasets": "4.7.0"}
HOST = Host("box")


def python(path: str, version: str = "3.12.1", cuda: str | None = "12.6", **more: Any) -> dict[str, Any]:
    packages = more.pop("packages", {})
    return {
        "path": path,
        "version": version,
        "packages": packages,
        "cuda": cuda,
        "conda": "conda" in path,
        "venv": False,
        **more,
    }


def facts(*pythons: dict[str, Any], gpu: str | None = "NVIDIA A100", cuda: str = "12.8", **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"home": "/root", "machine": "x86_64", "libc": "glibc 2.36", "pythons": list(pythons)}
    base |= {"gpus": [{"name": gpu}] if gpu else [], "cuda": cuda if gpu else None, "driver": "570.1" if gpu else None}
    return {**base, **more}


SYSTEM = python("/usr/bin/python3", "3.11.2", None)
CONDA = python("/opt/conda/bin/python", packages=COMPLETE)
TORCH_ONLY = python("/opt/conda/bin/python", packages={"torch": "2.7.0", "transformers": "4.51.0"})


def planned(env: Asked, found: dict[str, Any], host: Host = HOST, gpus: int = 1, **more: Any) -> EnvPlan:
    return from_dict(EnvPlan, plan(env, found, host, gpus, **more))


def names(result: EnvPlan) -> list[str]:
    return [package_name(line) for line in result.packages]


def test_an_image_that_has_all_is_used_as_it_is() -> None:
    result = planned(Asked(), facts(SYSTEM, CONDA))
    assert (result.kind, result.python, result.packages, result.digest) == ("existing", "/opt/conda/bin/python", (), "")
    assert "torch 2.7.0" in result.reason


def test_what_an_image_lacks_is_laid_over_it_and_its_torch_is_kept() -> None:
    result = planned(Asked(), facts(SYSTEM, TORCH_ONLY))
    assert (result.kind, result.python, result.torch_backend) == ("overlay", "/opt/conda/bin/python", "")
    assert {"trl", "transformers", "peft", "tokenizers"} <= set(names(result))
    assert "torch" not in names(result)
    assert "--no-deps" in result.options  # uv would fetch torch again


@pytest.mark.parametrize(
    "unfit",
    [
        python("/opt/conda/bin/python", packages=COMPLETE, cuda=None),
        python("/opt/conda/bin/python", packages=COMPLETE, cuda="13.0"),
        python("/opt/conda/bin/python", "3.10.4", packages=COMPLETE),
        python("/opt/conda/bin/python", packages={**COMPLETE, "torch": "2.5.1"}),
    ],
)
def test_a_torch_that_does_not_work_there_is_passed_over(unfit: dict[str, Any]) -> None:
    result = planned(Asked(), facts(SYSTEM, unfit))
    assert (result.kind, result.torch_backend) == ("locked", "cu126")
    assert "torch" in names(result)


def test_without_a_gpu_any_torch_will_do() -> None:
    cpu = python("/venv/bin/python", packages=COMPLETE, cuda=None)
    assert planned(Asked(), facts(cpu, gpu=None), gpus=0).kind == "existing"


def test_the_complete_interpreter_comes_before_conda_and_newer_torch() -> None:
    other = python("/venv/bin/python", packages=COMPLETE)
    assert planned(Asked(), facts(TORCH_ONLY, other)).python == "/venv/bin/python"
    newer = python("/usr/local/bin/python3", packages={**COMPLETE, "torch": "2.9.0"})
    assert planned(Asked(), facts(newer, CONDA)).python == "/opt/conda/bin/python"
    newest = python("/venv/bin/python", packages={**COMPLETE, "torch": "2.10.0"})
    assert planned(Asked(), facts(newer, newest)).python == "/venv/bin/python"


@pytest.mark.parametrize(
    ("found", "gpus", "backend"),
    [
        (facts(SYSTEM, gpu=None), 0, "cpu"),
        (facts(SYSTEM), 0, "cpu"),
        (facts(SYSTEM), 1, "cu126"),
        (facts(SYSTEM, cuda="13.1"), 1, "cu130"),
        (facts(SYSTEM, gpu=None, machine="aarch64"), 0, "cpu"),
        (facts(SYSTEM, cuda="13.1", machine="aarch64"), 1, "cu130"),
    ],
)
def test_a_bare_host_gets_the_lock_for_its_hardware(found: dict[str, Any], gpus: int, backend: str) -> None:
    result = planned(Asked(), found, gpus=gpus)
    assert (result.kind, result.torch_backend, result.python) == ("locked", backend, "/usr/bin/python3")
    assert result.packages == load_lock("sft")
    assert backend in result.reason


def test_a_new_environment_is_made_from_a_fitting_python_or_uv_brings_one() -> None:
    old, new = python("/usr/bin/python3", "3.8.10"), python("/usr/bin/python3.12", "3.12.3")
    assert (planned(Asked(), facts(old, new)).python, planned(Asked(), facts(old, new)).python_version) == (
        "/usr/bin/python3.12",
        "",
    )
    assert planned(Asked(), facts(old)).python_version == "3.12"
    assert planned(Asked(), facts()).python_version == "3.12"


def test_what_the_recipe_names_comes_first() -> None:
    mine = python("/root/mine/bin/python", packages=COMPLETE)
    assert planned(Asked(python="~/mine/bin/python"), facts(CONDA, mine)).python == "/root/mine/bin/python"
    unseen = planned(Asked(python="/nfs/env/bin/python"), facts(CONDA))
    assert (unseen.kind, unseen.python) == ("existing", "/nfs/env/bin/python")
    assert planned(Asked(lock="sft"), facts(CONDA)).kind == "locked"


def test_a_named_interpreter_without_torch_gets_torch_laid_over_it() -> None:
    result = planned(Asked(python="/usr/bin/python3"), facts(SYSTEM, CONDA))
    assert (result.kind, result.torch_backend, result.options) == ("overlay", "cu126", ())
    assert "torch" in names(result)


def test_a_named_interpreter_that_is_too_old_is_told() -> None:
    old = python("/opt/old/bin/python", "3.9.1", packages={"torch": "2.7.0"})
    with pytest.raises(NoEnvironmentError) as caught:
        plan(Asked(python="/opt/old/bin/python"), facts(old), HOST, 1)
    assert (caught.value.code, caught.value.params["needed"]) == ("python_too_old", "3.11")


def test_the_hosts_preferred_interpreter_comes_before_others() -> None:
    host = dataclasses.replace(HOST, python="/venv/bin/python")
    good = python("/venv/bin/python", packages=TORCH_ONLY["packages"])
    assert planned(Asked(), facts(CONDA, good), host).python == "/venv/bin/python"
    assert planned(Asked(), facts(CONDA), host).python == "/venv/bin/python"  # the probe did not look there
    bare = python("/venv/bin/python", "3.13.0")
    assert planned(Asked(), facts(SYSTEM, CONDA, bare), host).python == "/opt/conda/bin/python"
    assert planned(Asked(), facts(SYSTEM, bare), host).python == "/venv/bin/python"  # as the base of a new one


def test_further_packages_are_laid_over_and_have_the_last_word() -> None:
    wanted = Asked(packages=("bitsandbytes==0.49.0", "Transformers==5.2.0"))
    over = planned(wanted, facts(CONDA))
    assert (over.kind, over.packages, over.options) == ("overlay", wanted.packages, ("--no-deps",))
    new = planned(wanted, facts(SYSTEM))
    assert new.packages[-2:] == wanted.packages
    assert names(new).count("transformers") == 1


def test_an_own_lock_is_used() -> None:
    result = planned(Asked(lock="mine.txt"), facts(SYSTEM), lock=["torch==2.9.0"])
    assert (result.kind, result.packages, result.torch_backend) == ("locked", ("torch==2.9.0",), "cu126")
    with pytest.raises(NoEnvironmentError, match="unknown_lock"):
        plan(Asked(lock="nope"), facts(SYSTEM), HOST, 1)


def test_a_host_with_own_wheels_or_a_mirror_is_not_sent_to_pytorchs_index() -> None:
    wheels = dataclasses.replace(HOST, find_links=("/wheels",))
    mirror = dataclasses.replace(HOST, index_url="https://mirror/simple")
    cpu, new = facts(SYSTEM, gpu=None), facts(SYSTEM, cuda="13.0")
    assert (
        planned(Asked(), cpu, wheels).torch_backend,
        "torch==2.13.0+cpu" in planned(Asked(), cpu, wheels).packages,
    ) == (
        "",
        True,
    )
    assert planned(Asked(), cpu, mirror).torch_backend == "cpu"
    for host in (wheels, mirror):
        assert planned(Asked(), new, host).torch_backend == ""
        assert "torch==2.13.0" in planned(Asked(), new, host).packages


def test_index_settings_travel_as_variables() -> None:
    host = dataclasses.replace(HOST, index_url="https://u:p@mirror/simple", find_links=("/a", "/b"))
    assert index_variables(host) == {"UV_DEFAULT_INDEX": "https://u:p@mirror/simple", "UV_FIND_LINKS": "/a,/b"}
    assert index_variables(HOST) == {}
    assert "mirror" not in json.dumps(plan(Asked(), facts(SYSTEM), host, 1))


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"libc": "glibc 2.17"}, "libc_unsupported"),
        ({"libc": "musl"}, "libc_unsupported"),
        ({"machine": "ppc64le"}, "machine_unsupported"),
    ],
)
def test_a_host_that_no_wheel_runs_on_is_told_unless_it_has_all(more: dict[str, Any], code: str) -> None:
    with pytest.raises(NoEnvironmentError) as caught:
        plan(Asked(), facts(SYSTEM, **more), HOST, 1)
    assert caught.value.code == code
    assert planned(Asked(), facts(CONDA, **more)).kind == "existing"


@pytest.mark.parametrize(
    ("env", "host", "pythons", "path"),
    [
        (Asked(python="/x/python"), HOST, (CONDA,), "/x/python"),
        (Asked(), dataclasses.replace(HOST, python="/y/python"), (CONDA,), "/y/python"),
        (Asked(), HOST, (SYSTEM, TORCH_ONLY), "/opt/conda/bin/python"),
        (Asked(), HOST, (SYSTEM, python("/old/python", "3.8.1", packages={"torch": "1.13"})), "/old/python"),
        (Asked(), HOST, (SYSTEM,), "python3"),
        (Asked(), HOST, (), "python3"),
    ],
)
def test_a_command_runs_in_what_is_there(env: Asked, host: Host, pythons: Any, path: str) -> None:
    result = planned(env, facts(*pythons, libc="musl"), host, method=None)
    assert (result.kind, result.python, result.digest) == ("existing", path, "")


def test_the_digest_names_all_that_goes_into_an_environment() -> None:
    base = facts(SYSTEM)
    first = planned(Asked(), base)
    assert first.digest == planned(Asked(), json.loads(json.dumps(base))).digest
    others = [
        planned(Asked(packages=("x==1",)), base),
        planned(Asked(), base, gpus=0),
        planned(Asked(), facts(SYSTEM, machine="aarch64")),
        planned(Asked(), facts(SYSTEM, libc="glibc 2.31")),
        planned(Asked(), facts({**SYSTEM, "version": "3.11.9"})),
        planned(Asked(), facts(TORCH_ONLY)),
        planned(Asked(), facts({**TORCH_ONLY, "packages": {"torch": "2.8.0"}})),
    ]
    digests = {first.digest, *(other.digest for other in others)}
    assert len(digests) == len(others) + 1


_PYTHON = st.builds(
    python,
    st.sampled_from(["/a/python", "/opt/conda/bin/python", "/c/python"]),
    st.sampled_from(["3.8.1", "3.11.2", "3.12.0", "3.15.0", "x"]),
    st.sampled_from([None, "11.8", "12.6", "13.0"]),
    packages=st.dictionaries(st.sampled_from(sorted(COMPLETE)), st.sampled_from(["2.6.0", "5.1", "1.16.0", "x"])),
)
_FACTS = st.fixed_dictionaries(
    {},
    optional={
        "pythons": st.lists(_PYTHON, max_size=3),
        "gpus": st.lists(
            st.fixed_dictionaries({"name": st.sampled_from(["A100", "B200", "V100", "K80", None])}), max_size=2
        ),
        "cuda": st.sampled_from([None, "11.4", "12.8", "13.0", "x"]),
        "driver": st.sampled_from([None, "470.1", "580.65.06", "x"]),
        "libc": st.sampled_from([None, "glibc 2.17", "glibc 2.36", "musl", "x"]),
        "machine": st.sampled_from([None, "x86_64", "aarch64", "riscv64"]),
        "accelerators": st.lists(st.just({"kind": "rocm", "count": 1}), max_size=1),
    },
)


@settings(max_examples=400, deadline=None)
@given(
    st.builds(
        Asked,
        st.sampled_from([None, "/a/python", "/z/python"]),
        st.sampled_from([None, "sft", "no"]),
        st.sampled_from([(), ("x==1",)]),
    ),
    _FACTS,
    st.builds(
        Host, st.just("h"), python=st.sampled_from([None, "/a/python"]), find_links=st.sampled_from([(), ("/w",)])
    ),
    st.integers(0, 2),
    st.sampled_from(["sft", None]),
)
def test_every_host_gets_a_plan_or_a_typed_reason(env: Asked, found: Any, host: Host, gpus: int, method: Any) -> None:
    try:
        result = from_dict(EnvPlan, plan(env, found, host, gpus, method))
    except NoEnvironmentError as error:
        assert error.code in {
            "python_too_old",
            "libc_unsupported",
            "machine_unsupported",
            "unknown_lock",
            "driver_too_old",
            "gpu_mix",
            "gpu_too_old",
            "accelerator_unsupported",
        }
        return
    assert result.reason
    assert (result.kind == "existing") == (not result.digest) == (not result.packages)
    assert result.python
