"""`lt demo`: a tiny model trained for real, end to end, on this machine."""
