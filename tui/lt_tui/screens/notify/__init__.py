"""The notifications screen."""
