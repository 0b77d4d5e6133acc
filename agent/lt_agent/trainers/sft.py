"""`method: sft`: supervised fine-tuning through TRL's SFTTrainer."""

from __future__ import annotations

from .common import Method

METHOD = Method("sft", trainer="SFTTrainer", config="SFTConfig")
