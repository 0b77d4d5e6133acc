"""The recipes screen."""
