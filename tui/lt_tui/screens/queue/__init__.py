"""The queue screen."""
