"""Embedded sources of examples: `ladder` (verifiable, levelled) and `clinic` (a closed world to study)."""
