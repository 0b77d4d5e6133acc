"""The secrets screen."""
