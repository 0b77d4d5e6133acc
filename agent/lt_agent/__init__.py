"""Everything of lt that runs on the host: spool, dispatcher, supervisor, bridge and trainers."""

__version__ = "0.1.0"
