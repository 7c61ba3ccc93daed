"""Stratified bootstrap intervals against rliable 1.2.0: 50,000 repetitions on 6 algorithms x 5 runs x 12 tasks.

rliable does not import beside pandas 3, so it gets an environment of its own within this one, made in half a minute
when it is first needed; each side runs in its own process (bootstrap_side). Their values must be equal and the ends of
their intervals within Monte-Carlo error, else there is no figure but an AssertionError.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import Clock, figure, in_turns, missing

SIDE = Path(__file__).with_name("bootstrap_side.py")
HOME = Path(sys.prefix) / "rliable"  # goes when the environment goes
PINS = ("rliable==1.2.0", "arch==7.2.0", "pandas==2.3.3", "numpy==2.4.6", "scipy==1.17.1")
RESAMPLES, ALGORITHMS = 50_000, 6
NAME, UNIT = "bootstrap_vs_rliable", "resamples/s"
FAR = 6.0  # standard errors


def run(
    *, repeats: int = 3, resamples: int = RESAMPLES, home: Path = HOME, say: Callable[[str], None] = print
) -> Iterator[dict[str, object]]:
    """The one figure of this family."""
    python, why = environment(home, say)
    if python is None:
        say(f"bootstrap: no environment for rliable, so no figure: {why}")
        yield missing(NAME, unit=UNIT, note=f"not measured, no environment for rliable: {why}")
        return
    say(f"bootstrap: {resamples} repetitions each of ours and rliable's")
    found: dict[str, dict] = {}

    def side(name: str, interpreter: Path | str) -> Callable[[Clock], None]:
        def turn(clock: Clock) -> None:
            found[name] = in_process(interpreter, name, resamples)
            clock.wall.append(found[name]["wall"])
            clock.cpu.append(found[name]["cpu"])

        return turn

    sides = {"ours": side("ours", sys.executable), "rliable": side("rliable", python)}
    clocks = in_turns(sides, repeats, once=("rliable",))
    apart = agreement(found["ours"], found["rliable"], resamples)
    note = f"{ALGORITHMS} x 5 x 12 scores, {resamples} repetitions, median, IQM, mean and optimality gap; "
    note += f"ends at most {apart:.1f} Monte-Carlo errors apart"
    yield figure(NAME, clocks["ours"], clocks["rliable"], work=resamples * ALGORITHMS, unit=UNIT, note=note)


def environment(home: Path, say: Callable[[str], None]) -> tuple[Path | None, str]:
    """The Python of the environment that has rliable, made where it is not there yet; None, and why it cannot be."""
    python, done = home / "bin" / "python", home / "made"
    if done.exists() and done.read_text().split() == list(PINS):
        return python, ""
    say(f"bootstrap: making an environment for rliable in {home} (half a minute)")
    began = time.perf_counter()
    install = [python, "-m", "pip", "install", "-q", "--retries", "1", "--timeout", "15", *PINS]
    for command in ([sys.executable, "-m", "venv", "--clear", home], install):
        made = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if made.returncode:
            said = (made.stderr or made.stdout).strip().splitlines() or ["no message"]
            return None, f"{said[-1]} (it needs the network once; run make bench again with one)"
    done.write_text("\n".join(PINS) + "\n")
    say(f"bootstrap: made in {time.perf_counter() - began:.0f} s")
    return python, ""


def in_process(python: Path | str, side: str, resamples: int) -> dict:
    """What one side found, computed by `python` in a process of its own."""
    ran = subprocess.run([str(python), "-P", str(SIDE), side, str(resamples)], capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"the side {side!r} of {NAME} failed: {ran.stderr.strip()[-500:]}")
    return json.loads(ran.stdout.splitlines()[-1])


def agreement(ours: dict, theirs: dict, resamples: int) -> float:
    """How many standard errors the ends are apart at most; an AssertionError where values or ends differ.

    The standard error of a resampled quantile at 2.5% of a nearly normal distribution, on both sides.
    """
    value, low, high = (np.array(ours[k]) for k in ("value", "low", "high"))
    np.testing.assert_allclose(value, theirs["value"], rtol=1e-12)
    density = np.exp(-(1.96**2) / 2) / np.sqrt(2 * np.pi)
    error = np.sqrt(2 * 0.025 * 0.975 / resamples) / density * (high - low) / (2 * 1.96)
    apart = max(np.max(np.abs(mine - theirs[k]) / error) for k, mine in (("low", low), ("high", high)))
    assert apart < FAR, f"the intervals' ends are {apart:.1f} Monte-Carlo errors apart, at most {FAR:g} are allowed"
    return float(apart)
