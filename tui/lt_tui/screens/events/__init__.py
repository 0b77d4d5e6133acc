"""The events screen."""
