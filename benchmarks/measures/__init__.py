"""One file per measure; each has `measure(bench) -> list[Row]` and says in its docstring what exactly is timed."""
