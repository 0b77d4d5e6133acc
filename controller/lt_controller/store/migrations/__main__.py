"""`python -m lt_controller.store.migrations DATABASE` applies what is due."""

import sys

from sqlite_utils import Database

from .apply import migrations

migrations().apply(Database(sys.argv[1]))
