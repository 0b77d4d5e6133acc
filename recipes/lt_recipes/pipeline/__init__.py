"""A pipeline's file: stages, each a recipe or a command, and what each needs of the others.

`loading.load_pipeline` reads one and tells every problem with file and line; `graph` decides what follows what and what
a changed file makes necessary, as pure functions.
"""

from .loading import Pipeline, Reference, load_pipeline
from .schema import PipelineSection, StageSection

__all__ = ["Pipeline", "PipelineSection", "Reference", "StageSection", "load_pipeline"]
