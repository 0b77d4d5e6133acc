"""One recipe, many trials: reading `sweep:`, the combinations of a grid, and the checks of every trial beforehand."""

from .expansion import expand, flattened, override
from .reading import Sweep, load_sweep, trial_command

__all__ = ["Sweep", "expand", "flattened", "load_sweep", "override", "trial_command"]
