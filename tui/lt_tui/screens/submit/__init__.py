"""The submit screen."""
