"""Bytes that are alive at once, counted by operations: against torch's own profiler, and from shapes."""

from __future__ import annotations

import gc

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from curriculab.engine.live_bytes import LiveBytes, shapes_only


def work(x: torch.Tensor, w: torch.Tensor) -> None:
    y = (x @ w).relu()
    torch.nn.functional.cross_entropy(y @ w.T @ w, torch.arange(200)).backward()


def made() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(200, 300, requires_grad=True), torch.randn(300, 400)


def test_the_peak_is_the_profilers():
    x, w = made()
    with LiveBytes(vocabulary=400) as live:
        work(x, w)
    x.grad = None
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work(x, w)
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    peak = int(np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]).max())
    assert abs(live.peak - peak) <= 0.05 * peak
    assert live.peak > 200 * 400 * 4 and live.logits % (200 * 400 * 4) == 0


def test_what_was_there_is_not_counted_and_what_is_gone_counts_no_more():
    x = torch.zeros(100, 10)
    with LiveBytes() as live:
        view = x.T
        for _ in range(5):
            new = view + 1
        del new
    assert live.peak == 2 * 4000 and live.now == 0  # the next is made while the last still has its name


def test_shapes_alone_give_the_same_peak_and_compute_nothing():
    x, w = made()
    gc.collect()
    with LiveBytes() as live:
        work(x, w)
    module = torch.nn.BatchNorm1d(3)
    with shapes_only(module):
        y, v = made()
        with LiveBytes() as shapes:
            work(y, v)
        module.left = torch.ones(2)
        module.running_mean = torch.ones(3)
    assert shapes.peak == live.peak
    assert module.running_mean.tolist() == [0, 0, 0] and not hasattr(module, "left")
