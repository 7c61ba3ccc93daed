"""The long form of a notebook's experiment, run from the command line and shown beside the short one, as recorded.

    curriculab reproduce online                 # an hour or so on a laptop; stop it and call it again
    curriculab reproduce online --seeds 10      # finished runs are kept in runs/, only new seeds are trained

Results go to data/reference/ (--to): a table, curves and what was wasted, with date, versions and settings.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from curriculab import methods
from curriculab.data.files import data_path
from curriculab.registry.writing import write_whole

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from curriculab.bench.bench import Bench


Method = Callable


@dataclass(frozen=True)
class Experiment:
    """Variants on short ladder rows under reinforcement; the budget is in answers: everybody writes equally many.

    Attributes
    ----------
    question : str
        What it asks.
    variants : mapping of str to method
        By name.
    longest : int
        Tokens of a row with its answer: the shorter two thirds of the ladder, all six levels.
    rows, test : int
        Rows of the ladder, and those held out to test.
    steps, batch, rollouts : int
        Optimiser steps, rows a step, answers a row.
    seeds, tests : int
        Repetitions of every variant, and evaluations of each.

    Examples
    --------
    >>> experiment = cl.paper.reproduce.EXPERIMENTS["online"]
    >>> list(experiment.variants)[:2], experiment.steps * experiment.batch * experiment.rollouts
    (['random', 'sec'], 9600)
    """

    question: str
    variants: Mapping[str, Method]
    longest: int = 40  # tokens of a row with its answer: the shorter two thirds of the ladder, all six levels
    rows: int = 6000
    test: int = 240
    steps: int = 150
    batch: int = 8
    rollouts: int = 8
    seeds: int = 5
    tests: int = 5

    def bench(self, store: str | Path) -> Bench:
        """Set up the bench that the variants run on, with the embedded model in 4 bits.

        Parameters
        ----------
        store : str or Path
            Where finished runs are kept.

        Returns
        -------
        Bench

        Examples
        --------
        >>> experiment = cl.paper.reproduce.Experiment("Does it run?", {}, rows=600, test=24)
        >>> bench = experiment.bench("runs")  # with the pocket model
        >>> len(bench.test), bench.budget.rollouts
        (24, 9600)
        """
        from curriculab.bench.bench import Bench
        from curriculab.bench.budget import Budget
        from curriculab.data.loading import load_pool
        from curriculab.data.splitting import split
        from curriculab.engine.loading import load_model
        from curriculab.objectives.grpo import Grpo

        model, pool = load_model("pocket", bits=4), load_pool("ladder", n=self.rows, seed=0)
        train, test = split(pool[model.lengths(pool) <= self.longest], test=self.test, by="level", seed=0)
        whole = self.steps * self.batch * self.rollouts
        return Bench(
            model,
            train,
            test,
            objective=Grpo(),
            budget=Budget(rollouts=whole),
            batch_size=self.batch,
            rollouts=self.rollouts,
            evaluate_every=whole // self.tests,
            store=store,
        )


EXPERIMENTS = {
    "online": Experiment(
        "Does a curriculum that listens beat uniform sampling at equal numbers of answers?",
        {
            "random": methods.random_order,
            "sec": partial(methods.sec, arms="level"),
            "adarft": methods.adarft,
            "thompson": methods.thompson,
            "difficulty filter": methods.difficulty_filter,
            "gain_rl": methods.gain_rl,
        },
    ),
}


@dataclass(frozen=True)
class Recorded:
    """What a long run left: comparison table by variant, waste by variant, curves, and how it came about.

    Attributes
    ----------
    table : pd.DataFrame
        As `Comparison.table`.
    waste : pd.DataFrame
        As of `statistics.waste`.
    curves, draws : go.Figure
        Accuracy over generated tokens, and which rows were trained when.
    about : mapping
        Question, date, verdict, command, versions, settings, and what failed.

    Examples
    --------
    >>> found = cl.paper.reproduce.recorded("online")
    >>> found.table.index.name, len(found.about["verdict"]) > 0
    ('variant', True)
    """

    table: pd.DataFrame
    waste: pd.DataFrame
    curves: go.Figure
    draws: go.Figure
    about: Mapping[str, object]


def recorded(name: str) -> Recorded:
    """Read the long form of an experiment as it was recorded.

    Parameters
    ----------
    name : str
        Of the experiment, such as "online".

    Returns
    -------
    Recorded

    Raises
    ------
    ValueError
        Where it was not recorded.

    Examples
    --------
    >>> found = cl.paper.reproduce.recorded("online")
    >>> sorted(found.about)[:3], len(found.table) == len(found.waste)
    (['command', 'date', 'failed'], True)
    """
    import plotly.io as pio

    folder = data_path("reference")
    if not (folder / f"{name}.json").exists():
        raise ValueError(f"no long form of {name!r} is recorded in {folder}; curriculab reproduce {name}")
    about = json.loads((folder / f"{name}.json").read_text())
    tables = [pd.read_csv(folder / f"{name}_{what}.csv", index_col="variant") for what in ("table", "waste")]
    figures = [pio.read_json(folder / f"{name}_{what}.json") for what in ("curves", "draws")]
    for figure in figures:
        figure.add_annotation(
            text=f"recorded {about['date']}",
            xref="paper",
            yref="paper",
            x=1,
            y=1,
            xanchor="right",
            yanchor="bottom",
            showarrow=False,
            font_color="#757575",
        )
    return Recorded(*tables, *figures, about)


def reproduce(name: str, *, store: str | Path, to: Path, seeds: int | None = None) -> dict[str, object]:
    """Train what is not in the store yet, seed after seed, and write the results whole.

    Parameters
    ----------
    name : str
        Of the experiment, such as "online".
    store : str or Path
        Where finished runs are kept and found.
    to : Path
        Where results go.
    seeds : int, optional
        Repetitions of every variant; the experiment's own where not given.

    Returns
    -------
    dict
        What is said of it: question, date, verdict, command, versions, settings, and what failed.

    Examples
    --------
    It takes an hour or so on a laptop:

    >>> from pathlib import Path
    >>> list(cl.paper.reproduce.EXPERIMENTS)
    ['online']
    >>> about = cl.paper.reproduce.reproduce("online", store="runs", to=Path("reference"))  # doctest: +SKIP
    """
    from curriculab import figures, statistics
    from curriculab.registry.fingerprint import versions

    experiment = EXPERIMENTS[name]
    bench, wanted = experiment.bench(store), seeds or experiment.seeds
    for seed in range(wanted):
        bench.run(experiment.variants, seeds=[seed], progress=sys.stderr.isatty())
        print(f"{date.today()} {name}: seed {seed} of {wanted} done", flush=True)
    runs = bench.run(experiment.variants, seeds=wanted)
    result = statistics.compare(runs, to="random")
    to.mkdir(parents=True, exist_ok=True)
    about = {
        "question": experiment.question,
        "date": date.today().isoformat(),
        "verdict": result.verdict,
        "command": f"curriculab reproduce {name} --seeds {wanted}",
        "versions": versions(),
        "remark": "",
        "settings": {k: v for k, v in vars(experiment).items() if k not in ("question", "variants")}
        | {"seeds": wanted, "variants": list(experiment.variants), "objective": repr(bench.objectives["grpo"])},
        "failed": {f"{v}, seed {s}": why for (v, s), why in runs.failed.items()},
    }
    files = {
        f"{name}_table.csv": result.table.rename_axis("variant").round(5).to_csv(),
        f"{name}_waste.csv": statistics.waste(runs).rename_axis("variant").round(5).to_csv(),
        f"{name}_curves.json": figures.learning_curves(runs, x="generated").to_json(),
        f"{name}_draws.json": figures.draws(runs, bench.train, by="level").to_json(),
        f"{name}.json": json.dumps(about, indent=1) + "\n",  # last: it says that the others are there
    }
    for file, text in files.items():
        write_whole(to / file, text.encode())
    return about


def main(given: Sequence[str] | None = None) -> int:
    """Run `curriculab reproduce` on the command line, and print the verdict.

    Parameters
    ----------
    given : sequence of str, optional
        Arguments; those of the command line where not given.

    Returns
    -------
    int
        0: it is done.

    Examples
    --------
    >>> cl.paper.reproduce.main(["offline"])  # what it says goes to standard error
    Traceback (most recent call last):
        ...
    SystemExit: 2
    """
    parser = argparse.ArgumentParser(prog="curriculab reproduce", description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=EXPERIMENTS, help="the notebook's experiment")
    parser.add_argument("--seeds", type=int, help="repetitions of every variant")
    parser.add_argument("--store", type=Path, default=Path("runs"), help="finished runs are kept and found here")
    parser.add_argument("--to", type=Path, default=None, help="where results go (default: data/reference)")
    arguments = parser.parse_args(given)
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))  # equal bits, wherever it is called
    about = reproduce(
        arguments.name, store=arguments.store, to=arguments.to or data_path("reference"), seeds=arguments.seeds
    )
    print(about["verdict"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
