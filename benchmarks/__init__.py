"""`python -m benchmarks`: every speed goal of the project beside its floor, measured in the same run."""
