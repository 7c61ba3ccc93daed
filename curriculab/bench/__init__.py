"""Benches: variants x seeds on one model, one budget and the same test rows, side by side, recorded and reused.

bench = cl.Bench(model, train, test, budget=cl.Budget(steps=100))
runs = bench.run({"random": cl.methods.random_order, "easy first": cl.methods.easy_to_hard}, seeds=3)

What belongs here: the design that variants share, the scheduler that answers their requests, the recording of runs,
training in the background and from a file, replay after an interruption, and simulation in place of a model.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
