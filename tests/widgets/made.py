"""A bench in training that is not one: points as a monitor notes them, for tables and curves of any size."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from types import SimpleNamespace

import curriculab as cl

COSTS = {"rollouts": 0, "generated": 0}


def step(variant: str, seed: int, number: int, **more: object) -> dict[str, object]:
    at = {"step": number, "rows": 4, "tokens": 10 * number, "seconds": 0.5 * number, **COSTS}
    return {"variant": variant, "seed": seed, "kind": "step", "progress": number / 40, **at, **more}


def accuracy_at(variant: str, seed: int, number: int, accuracy: float) -> dict[str, object]:
    at = {"step": number, "tokens": 10 * number, "seconds": 0.5 * number, **COSTS}
    about = {"progress": number / 40, "share": number / 40, "solver": "direct"}
    return {"variant": variant, "seed": seed, "kind": "test", "accuracy": accuracy, **at, **about}


def by_hand(event: str, variant: str | None, number: int, of: str = "", to: object = None) -> dict[str, object]:
    told = "" if to is None else json.dumps(to)
    about = {"event": event, "step": number, "of": of, "to": told, "why": ""}
    return {"variant": variant, "kind": "intervention", **about}


class Imagined:
    """What a panel reads of a `BackgroundRun`: `go_on(step)` adds a step of every variant and seed, tests included.

    Of 30 variants the first is random, ten more are claims, the others their controls, the last five a null band.
    """

    def __init__(self, variants: int = 7, seeds: int = 3, steps: int = 40) -> None:
        self.names = ["random", *(f"curriculum {i}, level" for i in range(1, variants))]
        claims = variants if variants < 12 else 11
        self.seeds, self.steps = seeds, steps
        kinds = {}
        for place, name in enumerate(self.names):
            kinds[name] = {"control": place >= claims, "null": place >= max(claims, variants - 5)}
        train = cl.load_pool("ladder", n=12, seed=0)
        design = SimpleNamespace(train=train, budget=cl.Budget(steps=steps), shares=(0.0, 0.5, 1.0))
        self.chosen = SimpleNamespace(kinds=kinds, design=design)
        self.points: list[dict[str, object]] = []
        self.status, self.phase, self.left = "training", "getting ready", math.nan
        self.progress, self.checkpoints, self.doing = 0.0, {}, {}
        self.monitor = SimpleNamespace(waiting=[], call_share=0.0)
        self.listeners: list[Callable] = []
        self.sent: list[tuple] = []

    @property
    def variants(self) -> list[str]:
        return list(dict.fromkeys([*self.names, *(str(p["variant"]) for p in self.points if p.get("variant"))]))

    @property
    def done(self) -> bool:
        return self.status in ("finished", "interrupted", "failed")

    def listen(self, listener: Callable) -> None:
        self.listeners.append(listener)

    def go_on(self, number: int) -> None:
        """The start's test (0), or a step of all runs; every tenth step is accuracy_at."""
        self.phase, self.progress = "training" if number else "testing the start", number / self.steps
        for place, name in enumerate(self.names):
            for seed in range(self.seeds):
                loss = 2.5 * math.exp(-number / (12 + place)) + 0.05 * math.sin(7.0 * number + seed + place)
                if number:
                    self.points.append(step(name, seed, number, loss=loss))
                if number % 10 == 0:
                    self.points.append(accuracy_at(name, seed, number, 0.2 + 0.01 * (place + seed) * number / 10))
        self.left = (self.steps - number) * 1.5
        for listener in self.listeners:
            listener(self)

    def _note(self, *what: object) -> None:
        self.sent.append(what)
        for listener in self.listeners:
            listener(self)

    def pause(self) -> None:
        self.status = "paused"
        self._note("pause")

    def resume(self) -> None:
        self.status = "training"
        self._note("resume")

    def interrupt(self) -> None:
        self.status = "interrupted"
        self._note("interrupt")

    def stop(self, variant: str, *, wait: bool = True) -> None:
        self.monitor.waiting.append({"do": "stop", "variant": variant})
        self._note("stop", variant)

    def swap(self, variant: str, to: object, *, wait: bool = True) -> None:
        self.monitor.waiting.append({"do": "swap", "variant": variant, "to": to})
        self._note("swap", variant)

    def fork(self, of: str, to: object, *, name: str | None = None, since: object = None, wait: bool = True) -> None:
        self.monitor.waiting.append({"do": "fork", "variant": of, "to": to})
        self._note("fork", of, name, since)
