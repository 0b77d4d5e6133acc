"""The one error type: a code with parameters, worded where it is shown (both languages stay possible)."""

from __future__ import annotations

from typing import Any


class LtError(Exception):
    """Something a person can meet.

    `code` names what happened (`data_changed`, `host_unreachable` …) and `params` fills the sentence that
    `lt_controller.wording` has for it. It crosses the bridge as `{"code": …, "params": {…}}`.
    """

    def __init__(self, code: str, /, **params: Any) -> None:
        super().__init__(code, params)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        return self.code + "".join(f" {key}={value!r}" for key, value in self.params.items())

    def as_dict(self) -> dict[str, Any]:
        """The form in which it is stored and sent."""
        return {"code": self.code, "params": self.params}


def error_from_dict(value: dict[str, Any]) -> LtError:
    """The inverse of `LtError.as_dict`; tolerant, because a host may send anything."""
    params = value.get("params")
    clean = {str(k): v for k, v in params.items()} if isinstance(params, dict) else {}
    clean.pop("code", None)
    return LtError(str(value.get("code", "unknown")), **clean)
