"""From tables to losses: what a step of many adapters learns, and what one forward measures."""

from curriculab.objectives.measures import score
from curriculab.objectives.packing import MICRO_BATCH
from curriculab.objectives.steps import train_steps

__all__ = ["MICRO_BATCH", "score", "train_steps"]
