"""SQLite: the mirror of what the hosts hold, and the intents of the person. One writer: the controller."""
