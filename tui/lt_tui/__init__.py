"""The terminal UI, on `lt_controller.client` alone. `main` opens it; nothing is imported before that."""

from __future__ import annotations


def main() -> int:
    """Opens the terminal UI on the usual LT_HOME; its exit code."""
    from .app import LtApp

    app = LtApp()
    app.run()
    return app.return_code or 0
