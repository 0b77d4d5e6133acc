"""TRL's ORPOTrainer, with rows whose tokens are found again by every process that trains.

`datasets` names prepared rows by what was done to them, so by the function and all that it holds. TRL tokenises with a
method of the whole trainer here, whose name is another in each process. What that method looks at stands for it.
"""

from __future__ import annotations

from typing import Any, Mapping

from trl.experimental.orpo import ORPOConfig
from trl.experimental.orpo import ORPOTrainer as _ORPOTrainer

__all__ = ["ORPOConfig", "ORPOTrainer"]

_LOOKED_AT = ("processing_class", "max_length", "max_completion_length", "is_encoder_decoder", "padding_value")


class ORPOTrainer(_ORPOTrainer):  # type: ignore[misc]
    """Written out, to be named or to be sent to the processes that tokenise, it is its tokenising alone."""

    def __reduce__(self) -> Any:
        return _with_tokenising, ({name: getattr(self, name) for name in _LOOKED_AT},)


def _with_tokenising(state: Mapping[str, Any]) -> ORPOTrainer:
    """One that tokenises, and does nothing else."""
    made = ORPOTrainer.__new__(ORPOTrainer)
    for name, value in state.items():
        setattr(made, name, value)
    return made
