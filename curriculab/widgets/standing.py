"""The table of a bench in training: a line for every variant, of the points that its monitor noted.

Standing(live).rows()[0]      # {"name": "random", "state": "training", "step": 8, "steps": 12, "loss": 1.31, ...}
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from curriculab.figures.theme import GREY, style_of
from curriculab.runs.judging import CUT_OFF_EVENT, in_words

if TYPE_CHECKING:
    from curriculab.bench.background import BackgroundRun

STEPS_SHOWN = 5  # steps that the last and the first loss are means of: one step's is mostly noise


@dataclass
class _Seed:
    """What one run came to so far: its last step and share, losses of its steps, accuracies of its tests."""

    step: int = 0
    share: float = 0.0
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    solver: str | None = None
    ended: str | None = None
    traceback: str = ""  # of the author's own lines


class Standing:
    """How all variants of a background run stand; points are read once each."""

    def __init__(self, live: BackgroundRun) -> None:
        self.live = live
        self._begin()

    def _begin(self) -> None:
        self._points, self._read = self.live.points, 0
        self._begun_with = self.live.variants
        self.seeds: dict[str, dict[object, _Seed]] = {}
        self.by_hand: list[Mapping] = []
        self.refused: list[str] = []
        self.failed: list[str] = []
        self.cut_off: Counter = Counter()
        self.tests = 0  # of the run that was tested most

    def read(self) -> None:
        """Take in the points that are new."""
        if self.live.points is not self._points:  # a finished bench of another process is read anew from its records
            self._begin()
        points = self._points[self._read :]
        self._read += len(points)
        for p in points:
            kind = p["kind"]
            if kind == "intervention":
                self.by_hand.append(p)
            elif kind == "refused":
                self.refused.append(str(p["why"]))
            elif kind == "failed":
                self.failed.append(str(p["why"]))
            elif p.get("event") == CUT_OFF_EVENT:
                self.cut_off += Counter(p["counts"])
            elif kind in ("step", "test", "end"):
                self._take(p, self.seeds.setdefault(str(p["variant"]), {}).setdefault(p["seed"], _Seed()))

    def _take(self, p: Mapping, seed: _Seed) -> None:
        if p["kind"] == "end":
            seed.ended, seed.traceback = str(p["why"]), str(p.get("traceback") or "")
            return
        seed.step = max(seed.step, int(p["step"]))
        seed.share = max(seed.share, float(p.get("progress") or 0.0))
        if p["kind"] == "step":
            value = p.get("loss")
            if value is not None and math.isfinite(value):
                seed.losses.append(float(value))
            return
        seed.solver = seed.solver or str(p.get("solver"))  # of several ways to answer, the first
        if seed.solver == str(p.get("solver")):
            seed.accuracies.append(float(p["accuracy"]))
            self.tests = max(self.tests, len(seed.accuracies))

    # -- what is shown ------------------------------------------------------------------------------------------------
    def rows(self) -> list[dict[str, object]]:
        """A line for every variant, in the order of the bench, forks at the end."""
        names = list(dict.fromkeys([*self._begun_with, *self.seeds]))  # forks come with their points
        kinds, left = self.live.chosen.kinds, self.live.left
        coloured = [v for v in names if not kinds.get(v, {}).get("null")]
        open_shares = [1.0 - seed.share for own in self.seeds.values() for seed in own.values() if seed.ended is None]
        furthest = max([*open_shares, 1e-9])
        return [self._row(name, coloured, left, furthest) for name in names]

    def _row(self, name: str, coloured: Sequence[str], left: float, furthest: float) -> dict[str, object]:
        kind = self.live.chosen.kinds.get(name, {})
        style = style_of(name, coloured) if name in coloured else {"color": GREY, "dash": "solid"}
        seeds = list(self.seeds.get(name, {}).values())
        going = [s for s in seeds if s.ended is None]
        slowest = min(going or seeds or [_Seed()], key=lambda s: s.share)
        loss, since = _change([s.losses for s in seeds if s.losses], STEPS_SHOWN)
        accuracy, gained = _change([s.accuracies for s in seeds if s.accuracies], 1)
        ended = bool(seeds) and not going
        return {
            "name": name,
            "colour": style["color"],
            "dash": style["dash"],
            "kind": next((name for name in ("null", "control") if kind.get(name)), "variant"),
            "state": self._state(seeds),
            "open": not ended and not self.live.done,
            "step": slowest.step,
            "steps": self._total(slowest),
            "share": 1.0 if ended else slowest.share,
            "loss": loss,
            "loss_change": since,
            "accuracy": accuracy,
            "accuracy_change": gained,
            "left": None if ended or self.live.done or math.isnan(left) else left * (1.0 - slowest.share) / furthest,
            "lines": self._lines(name, seeds),
        }

    def _total(self, seed: _Seed) -> int | None:
        """Steps of a whole run; where the budget is of something else, as many as there will be at this pace."""
        steps = self.live.chosen.design.budget.steps
        if steps is not None:
            return steps
        return round(seed.step / seed.share) if seed.step and seed.share else None

    def _state(self, seeds: Sequence[_Seed]) -> str:
        ended = [s.ended for s in seeds if s.ended is not None]
        failed = [why for why in ended if why.startswith("failed")]
        if failed:
            return "failed" if len(failed) == len(seeds) else f"failed in {len(failed)} of {len(seeds)} seeds"
        if ended and len(ended) == len(seeds):
            return "stopped" if "stopped" in ended else "done"
        going = "training" if seeds else "waiting"
        return {"interrupted": "stands still", "failed": "broken off", "finished": "done", "paused": "paused"}.get(
            self.live.status, going
        )

    def _lines(self, name: str, seeds: Sequence[_Seed]) -> list[dict[str, str]]:
        """Lines under a variant: changes by hand, commands that wait for the end of the current call, why it failed."""
        lines = [{"kind": "hand", "text": _told(p)} for p in self.by_hand if p.get("variant") == name]
        for command in self.live.monitor.waiting:
            if command.get("variant") == name:
                lines.append({"kind": "waiting", "text": f"{asked(command)}; after the current call"})
        failed = [s for s in seeds if s.ended and s.ended.startswith("failed")]
        for why, count in Counter(s.ended for s in failed).items():
            where = f" (in {count} of {len(seeds)} seeds)" if len(seeds) > 1 else ""
            own = next((f"\n{s.traceback}" for s in failed if s.ended == why and s.traceback), "")
            lines.append({"kind": "alert", "text": f"{why}{where}{own}"})
        return lines

    def general(self) -> list[dict[str, str]]:
        """Lines under the table: pauses, and commands to the whole bench that wait for the end of the current call."""
        lines = [{"kind": "hand", "text": _told(p)} for p in self.by_hand if not p.get("variant")]
        for command in self.live.monitor.waiting:
            if not command.get("variant"):
                lines.append({"kind": "waiting", "text": f"{asked(command)}; after the current call"})
        return lines[-3:]

    def marks(self) -> list[dict[str, object]]:
        """What was done to single variants, where it lies on their curves."""
        own = [p for p in self.by_hand if p.get("variant")]
        return [{"variant": p["variant"], "event": p["event"], "step": p["step"], "text": _told(p)} for p in own]

    def problems(self) -> list[str]:
        """What went wrong with the bench: the last command that was refused, errors, answers nobody could judge."""
        found = [*self.refused[-1:], *self.failed]
        if self.cut_off:
            found.append(
                f"{self.cut_off.total()} answers count as wrong because the verifier was cut off "
                f"({in_words(self.cut_off)})"
            )
        return found


def _change(series: Sequence[Sequence[float]], width: int) -> tuple[float | None, float | None]:
    """The mean over seeds of the last values, and how far that is from the first ones; None where there is nothing."""
    if not series:
        return None, None
    last = sum(sum(own[-width:]) / len(own[-width:]) for own in series) / len(series)
    if min(map(len, series)) < 2:
        return last, None
    return last, last - sum(sum(own[:width]) / len(own[:width]) for own in series) / len(series)


def asked(command: Mapping) -> str:
    """A command in words, as it was asked: "asked to stop"."""
    words = {
        "pause": "asked to pause",
        "resume": "asked to go on",
        "interrupt": "asked to stop all",
        "stop": "asked to stop",
        "swap": "asked to change",
        "fork": "asked to fork",
    }
    return words.get(str(command["do"]), str(command["do"]))


def _told(p: Mapping) -> str:
    """An intervention in words."""
    step, to = p.get("step"), method_in_words(p.get("to"))
    words = {
        "stop": f"stopped by hand at step {step}",
        "swap": f"changed by hand at step {step}, goes on with {to}",
        "fork": f"forked by hand from {p.get('of')} at step {step}, goes on with {to}",
        "pause": f"paused by hand at step {step}",
        "resume": f"went on at step {step}",
    }
    return words.get(str(p["event"]), str(p.get("why") or p["event"]))


def method_in_words(text: object) -> str:
    """`easy_to_hard(by="level")`, of a method as a point holds it: JSON."""
    try:
        found = json.loads(str(text))
        name = found.get("method") or found.get("lost") or "a method of its own"
        knobs = ", ".join(f"{k}={json.dumps(v)}" for k, v in found.get("knobs", {}).items() if v is not None)
    except (ValueError, AttributeError):
        return str(text)
    return f"{name}({knobs})" if knobs else str(name)
