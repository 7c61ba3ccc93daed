"""A method that cannot start is refused before anything trains, once for all its seeds."""

from __future__ import annotations

import time
from functools import partial

import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.job import Job, open_job
from curriculab.bench.starting import refuse_bad_starts
from curriculab.methods.registry import METHODS

POOL = cl.load_pool("ladder", n=48, seed=0).assign(loss=1.0)
COLUMNS = ", ".join(POOL.columns)


def opened(variant: str, method: object) -> Job:
    return open_job(variant, method, POOL, seed=0, batch=4, rollouts=4, objective=lambda request: cl.Sft())


def broken(pool: pd.DataFrame, run: cl.Run):
    easy = pool[pool.levl == 1]
    yield cl.Train(easy)


def later(pool: pd.DataFrame, run: cl.Run):
    yield cl.Train(pool.head(4))
    yield cl.Train(pool[pool.levl == 1])


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (
            partial(cl.methods.easy_to_hard, by="los"),
            f"by='los' is no column of the pool; it has {COLUMNS}; did you mean 'loss'?",
        ),
        (
            partial(cl.methods.reversed_score, method=partial(cl.methods.easy_to_hard, by="levle")),
            f"by='levle' is no column of the pool; it has {COLUMNS}; did you mean 'level'?",
        ),
        (partial(cl.methods.easy_to_hard, by="xyzzy"), f"by='xyzzy' is no column of the pool; it has {COLUMNS}"),
    ],
)
def test_the_value_of_a_knob_is_refused_with_the_nearest_name(method: object, said: str):
    with pytest.raises(ValueError) as error:
        refuse_bad_starts({"random": cl.methods.random_order, "mine": method}, opened)
    assert str(error.value) == f"the variant 'mine' cannot start: {said}"


def test_a_bug_before_the_first_request_is_refused_with_its_own_line():
    with pytest.raises(ValueError) as error:
        refuse_bad_starts({"mine": broken}, opened)
    first, place, line, _ = str(error.value).splitlines()
    assert first == ("the variant 'mine' cannot start: AttributeError: 'DataFrame' object has no attribute 'levl'")
    assert place.endswith("tests/bench/test_starting.py, in broken") and line == "    easy = pool[pool.levl == 1]"


def test_what_is_wrong_after_an_answer_is_not_found_beforehand():
    refuse_bad_starts({"later": later}, opened)


def test_it_costs_next_to_nothing_and_refuses_no_method_of_the_package():
    began = time.process_time()
    refuse_bad_starts({name: METHODS[name] for name in METHODS if name not in NEEDS_MORE}, opened)
    assert time.process_time() - began < 20


NEEDS_MORE = ("corgi", "human_strategies", "reversed_score", "shuffled_score", "graphmasal")  # knobs without defaults


@pytest.mark.parametrize("how", ["run", "start", "plan"])
def test_a_bench_refuses_it_before_anything_trains(tiny_model, tmp_path, how: str):
    asked: list[object] = []

    def backend(design: object) -> object:
        asked.append(design)
        raise RuntimeError("nothing may be asked")

    budget = cl.Budget(steps=3)
    bench = cl.Bench(tiny_model, POOL[:40], POOL[40:], budget=budget, store=tmp_path, backend=backend)
    variants = {"random": cl.methods.random_order, "mine": partial(cl.methods.easy_to_hard, by="los")}
    with pytest.raises(ValueError, match=r"the variant 'mine' cannot start: by='los' .*did you mean 'loss'\?$"):
        getattr(bench, how)(variants, seeds=3)
    assert not asked and not [*tmp_path.iterdir()]
