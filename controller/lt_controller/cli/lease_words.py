"""A lease that ends too early, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..wording import phrase

if TYPE_CHECKING:
    from ..client.details import LeaseWarning


def lease_words(warning: LeaseWarning | None) -> str:
    """`the lease of a100 ends in 40m, and it needs 3h`; nothing without a warning."""
    if warning is None:
        return ""
    if warning.left <= 0:
        return phrase("lease_is_over", host=warning.host, ago=-warning.left)
    return phrase("lease_too_short", host=warning.host, left=warning.left, needs=warning.needs)
