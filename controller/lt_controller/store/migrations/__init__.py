"""The tables, as sqlite-utils migrations: a file each, `mNNN_what.py`, in the order of their names, with one function
`migrate`. Names of tables and columns are a contract: people query them (`docs/store.md`).
"""

from pathlib import Path

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("m[0-9][0-9][0-9]_*.py")))
