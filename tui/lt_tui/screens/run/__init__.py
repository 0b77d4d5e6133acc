"""The screen for a script of yours."""
