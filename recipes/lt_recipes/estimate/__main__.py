"""`python -m lt_recipes.estimate` prints the tables of docs/planning.md."""

from __future__ import annotations

import sys

from .tables import inference_table, preset_table, training_table

for table in (inference_table, training_table, preset_table):
    sys.stdout.write("\n".join(table()) + "\n\n")
