"""What a job takes along, fixed at submit: the working folder as a copy, data as a manifest.

`freeze_code` copies a working folder into the cache, so that editing on does not change what was submitted.
`data_manifest` copies nothing (data is large): it records every file's size, time and hash, and whoever pushes the
data later refuses what has changed since.
"""

from .hashes import HashCache
from .snapshot import Frozen, data_manifest, freeze_code, survey_code
from .walk import Limits, Skipped, Survey

__all__ = ["Frozen", "HashCache", "Limits", "Skipped", "Survey", "data_manifest", "freeze_code", "survey_code"]
