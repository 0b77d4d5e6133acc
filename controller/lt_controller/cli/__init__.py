"""The command `lt`: thin. What it knows it has from `lt_controller.client`, what it says from `..wording`."""

from .root import main

__all__ = ["main"]
