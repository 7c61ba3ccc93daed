"""Simulated students in place of a model, after item response theory: they learn, forget and need prerequisites.

preview = cl.simulate({"easy first": cl.methods.easy_to_hard}, train, steps=100)
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
