"""Faults, as a table that runs: `make faults` breaks things under real jobs and counts what was lost or done twice.

`model.py` says what a row is, `scene.py` what it stands on, `audit.py` what is checked after each, `rows/` has a file
per family of faults, `work.py` is the job that runs meanwhile. The quick half runs in `make test`.
"""
