"""The fleet screen."""
