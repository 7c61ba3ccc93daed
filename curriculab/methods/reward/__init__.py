"""Rewards that change while the model learns."""
