"""Curricula that listen: what to train next depends on what just happened."""
