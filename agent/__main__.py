"""Makes this folder a runnable agent (`python3 agent COMMAND …`), as the one is that `lt` pushes to a host."""

import sys

from lt_agent.cli import main

sys.exit(main(sys.argv[1:]))
