"""The same work by another public tool, beside lt, in one run: see `benchmarks/peers.md`."""
