"""How the laptop reaches a host: commands and streams over Fabric, files by rsync, both with strict host keys."""
