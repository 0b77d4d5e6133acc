"""The files and messages that the host's and the laptop's side share. Standard library only, Python 3.9."""
