"""The policy as it was at the start, where it is the trained model under another adapter or none."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from trl.trainer.utils import use_adapter


class Under(AbstractContextManager[Any]):
    """The policy as it was at the start: without its adapter, or under the copy of the adapter that it began with."""

    def __init__(self, policy: Any, adapter: str | None) -> None:
        self._policy, self._switched = policy, use_adapter(policy, adapter_name=adapter)

    def __enter__(self) -> Any:
        self._switched.__enter__()
        return self._policy

    def __exit__(self, *error: Any) -> None:
        self._switched.__exit__(*error)


def frozen_copy_of_adapter(model: Any) -> str:
    """The name of a second adapter that stays what the first one is now."""
    model.add_adapter("reference", model.peft_config["default"])
    for name, parameter in list(model.named_parameters()):
        if ".default." in name:
            model.get_parameter(name.replace(".default.", ".reference.")).data.copy_(parameter.data)
    for name, parameter in model.named_parameters():
        if ".reference." in name:
            parameter.requires_grad_(False)
    return "reference"
