"""The laptop's side of lt: store, engine, transports, the client API and the command line."""
