"""The cost screen."""
