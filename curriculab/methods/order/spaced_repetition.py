"""Spaced repetition: what the learner knows comes back later and later, what it does not know comes back soon.

Title    Repeat before Forgetting: Spaced Repetition
Authors  Amiri et al.
Year     2017
Paper    Amiri, Miller & Savova 2017, "Repeat before Forgetting: Spaced Repetition for Efficient and Effective Training
         of Neural Networks", EMNLP; Leitner 1974; Settles & Meeder 2016, "A Trainable Spaced Repetition Model for
         Language Learning", ACL
Kept     time counts epochs, and an epoch trains the rows that are due; leitner: a known row moves up a box, an unknown
         one back to the first, box k is due after 2^k epochs; half_life: the delay doubles or is halved; density: the
         longest delay at which recall, a Gaussian kernel of delay * difficulty / strength, is at least eta
Changed  a row is known where its loss, read off the training step itself, is at most - log known (there, by a forward
         after each epoch); difficulty is that loss and strength exp(- the running mean of losses) (there, accuracy on
         validation data); tau is a knob, not fitted anew each epoch. A batch that an epoch cannot fill takes the next
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.methods.check import Check, CheckBench
from curriculab.objectives.sft import Sft
from curriculab.protocol import Run, Train
from curriculab.registry.knobs import Knob, check_bounds

RULES = ("leitner", "half_life", "density")


def spaced_repetition(
    pool: pd.DataFrame,
    run: Run,
    *,
    rule: Annotated[str, Knob(choices=RULES, help="how long a row waits until it is shown again")] = "leitner",
    known: Annotated[
        float,
        Knob(
            0.05, 0.95, "mean probability of a token from which a row counts as known", step=0.05, above=0.0, below=1.0
        ),
    ] = 0.5,  # mean probability of a token, as a loss - log known; choice
    longest: Annotated[
        int, Knob(help="longest delay of a row, in epochs", least=1)
    ] = 32,  # epochs; choice, as are the next two
    eta: Annotated[
        float, Knob(help="recall at which a row is due, for rule='density'", above=0.0, below=1.0)
    ] = 0.5,  # recall at which a row is due
    tau: Annotated[float, Knob(help="how fast recall falls with the delay, for rule='density'", above=0.0)] = 1.0,
) -> Generator:
    """leitner: delay = 2^box, box <- box + 1 if loss <= - log known else 0;  half_life: delay <- 2 delay or delay / 2;
    density: exp(-tau (delay loss / strength)^2) = eta, so delay = strength / loss sqrt(- log(eta) / tau)."""
    check_bounds(spaced_repetition, locals())
    if rule not in RULES:
        raise ValueError(f"rule={rule!r} is unknown; give one of {', '.join(RULES)}")
    due, delay, usual = Calendar(len(pool), run.rng), np.ones(len(pool)), None
    while True:
        picked = due.take(run.batch)
        note = {"epoch": due.epoch, "mean delay": float(delay[picked].mean())}
        out = yield Train(pool.take(picked), note=note)
        each = pd.Series(out["loss"].to_numpy(float), index=out.index).groupby(level=0).mean()
        loss = each.loc[pool.index[picked]].to_numpy()
        usual = loss.mean() if usual is None else 0.9 * usual + 0.1 * loss.mean()
        if rule == "density":
            new = np.exp(-usual) / np.maximum(loss, 1e-9) * np.sqrt(-np.log(eta) / tau)
        else:
            again = delay[picked] / 2 if rule == "half_life" else 1.0
            new = np.where(loss <= -np.log(known), 2 * delay[picked], again)
        delay[picked] = np.clip(new, 1, longest)
        due.put(picked, np.rint(delay[picked]).astype(int))


class Calendar:
    """Rows by the epoch they are due in; in epoch 0 that is every row. Within an epoch they come in random order."""

    def __init__(self, rows: int, rng: np.random.Generator) -> None:
        self.epoch, self._rng = 0, rng
        self._now, self._later = rng.permutation(rows), {}

    def take(self, n: int) -> np.ndarray:
        """The next `n` rows that are due, from this epoch and, where it has no more, from the next ones; fewer only
        where there are no other rows at all."""
        parts, missing = [], n
        while missing:
            if not len(self._now):
                if not self._later:
                    break
                self.epoch = min(self._later)
                self._now = self._rng.permutation(np.concatenate(self._later.pop(self.epoch)))
            parts.append(self._now[:missing])
            self._now = self._now[missing:]
            missing -= len(parts[-1])
        return np.concatenate(parts)

    def put(self, rows: np.ndarray, delays: np.ndarray) -> None:
        """Rows that were taken are due again so many epochs after this one."""
        for delay in np.unique(delays).tolist():
            self._later.setdefault(self.epoch + delay, []).append(rows[delays == delay])


RATES = {"mastered": 0.9, "easy": 0.7, "medium": 0.6, "hard": 0.3, "out of reach": 0.1}


def check(bench: CheckBench) -> Check:
    """Known rows come back in the epochs 0, 2 and 6, unknown ones in all of 8; and rows that become known fade out."""
    pool, student = bench.planted(RATES)
    steps = (80 * 8 + 120 * 3) // 8  # eight epochs: 80 rows are not known, 120 are
    how = dict(pool=pool, student=student, steps=steps, batch_size=8, objective=Sft())
    seen = bench.exposure(bench.reinforce(spaced_repetition, signal=("loss",), **how), pool)
    visits = seen.groupby("id").size().reindex(pool.index, fill_value=0) / len(bench.seeds)
    known = pool.topic.map(RATES) >= 0.5
    ratio = float(visits[known].mean() / visits[~known].mean())
    pool, student = bench.planted({"learned": 0.3, "never": 0.01}, rate=0.03)
    how = dict(pool=pool, student=student, steps=60, batch_size=8, objective=Sft())
    learned = bench.exposure(bench.reinforce(spaced_repetition, signal=("loss",), **how), pool)
    late = float((learned.topic == "learned")[learned.step > 30].mean())
    return Check(
        claim="over eight epochs a known row is trained 3/8 as often as an unknown one; rows that become known come "
        "ever more rarely",
        refuted_by="a ratio off 0.375 by more than 0.02 (batches that reach over the seam of two epochs may move a "
        "visit of 7 rows in 120; losses dealt out anew within a step give about 1); or, of "
        "half of the rows, which a student learns, a share above 0.3 in the second half of the run",
        measured={"ratio": ratio, "visits_known": float(visits[known].mean()), "learned_late": late},
        held=abs(ratio - 0.375) <= 0.02 and late <= 0.3,
        seeds=bench.seeds,
        mechanism=True,
    )
