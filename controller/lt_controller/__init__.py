"""The laptop's side of lt: store, engine, transports, the client API and the command line."""

__version__ = "0.1.0"
