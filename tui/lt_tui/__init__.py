"""The terminal UI, on `lt_controller.client` alone."""
