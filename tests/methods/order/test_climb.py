"""CLIMB: percentiles, vocabularies and word classes, worked out by hand."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest

from curriculab import methods
from curriculab.bench.simulate import simulate
from curriculab.data.clinic_world import textbook
from curriculab.methods.order import climb
from curriculab.methods.pacing import Linear
from curriculab.protocol import Clock, Run, Score
from tests.methods.made import asked, make, reply, trained_ids


@pytest.mark.parametrize("c", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_rows_up_to_the_percentile_are_those_numpy_finds(c):
    score = np.random.default_rng(0).integers(0, 7, 50).astype(float)
    assert climb.under(score, np.argsort(score), c) == (score <= np.percentile(score, 100 * c)).sum()


@pytest.mark.slow
def test_climb_draws_below_the_percentile_ties_included():
    pool = make([3, 1, 1, 1, 2, 4])  # at c = .1 the percentile is 1: b, c, d
    for seed in range(20):
        steps = trained_ids("climb", pool, 16, seed=seed)
        assert set(steps[0]) <= set("bcd") and len(set(steps[0])) == 2
        assert set("".join(steps[14:])) <= set("abcdef")
    late = "".join("".join(trained_ids("climb", pool, 16, seed=seed)[14:]) for seed in range(40))
    assert min(late.count(i) for i in "abcdef") > 10  # 160 draws of six rows: 27 expected


def test_climb_measures_its_own_perplexity_anew():
    requests = asked("climb", make([1, 2, 3, 4]), 16, refresh=0.25)
    scored = [i for i, r in enumerate(requests) if isinstance(r, Score)]
    assert len(scored) == 3 and all(len(requests[i].rows) == 4 for i in scored)
    assert asked("climb", make([1, 2, 3, 4]), 4)[0].note["share"] == 0.5  # at least a batch


def test_rows_measured_anew_are_ranked_anew():
    # c(.25) = .25 + .75 * .25 = .4375: the percentile of four scores lies between the second and the third
    clock = Clock()
    method = climb.climb(make([1, 2, 3, 4]), Run(0, batch=1, clock=clock), refresh=0.25, pacing=Linear(0.25))
    request = next(method)
    clock.progress = 0.25
    request = method.send(reply(request, loss=1.0))
    while not isinstance(request, Score):
        request = method.send(reply(request, loss=1.0))
    request, seen = method.send(reply(request, nll=[4.0, 3.0, 2.0, 1.0])), set()
    for _ in range(40):
        seen |= set(request.rows.index)
        request = method.send(reply(request, loss=1.0))
    assert seen == {"c", "d"}


BOOK = pd.DataFrame(
    {"prompt": "", "answer": ["The cat sees the dog.", "The dog runs.", "It runs often."], "topic": "x", "level": 1},
    index=["a", "b", "c"],
)


CLASSES = {"the": "determiner", "cat": "noun", "dog": "noun", "sees": "verb", "runs": "verb", "it": "pronoun"}


def test_words_come_by_frequency_by_class_and_by_both():
    # the 3, dog 2, runs 2, then cat, it, often, sees
    by_rank = climb.word_places(BOOK, "frequency", None, ())
    assert by_rank == {w: i / 7 for i, w in enumerate(["the", "dog", "runs", "cat", "it", "often", "sees"])}
    order = ("noun", "verb", "pronoun", "determiner")
    by_class = climb.word_places(BOOK, "class", CLASSES, order)
    assert by_class == {"cat": 0, "dog": 0, "sees": 0.25, "runs": 0.25, "it": 0.5, "the": 0.75, "often": 1.0}
    both = climb.word_places(BOOK, "both", CLASSES, order)
    assert sorted(both, key=both.get) == ["dog", "cat", "runs", "sees", "it", "the", "often"]
    assert both["dog"] == 1 / 35 and max(both.values()) < 1


def test_words_outside_the_vocabulary_become_a_mark_in_what_is_read_and_what_is_learned():
    places = climb.word_places(BOOK, "frequency", None, ())
    rows, unknown = climb.shown(BOOK, places, 1 / 7, "_")
    assert rows.answer.tolist() == ["The _ _ the dog.", "The dog _.", "_ _ _."] and rows.index.equals(BOOK.index)
    assert unknown == 6 / 11
    assert climb.shown(BOOK, places, 1.0, "_")[0] is BOOK
    chosen = BOOK.assign(prompt="the cat", options=[["dog", "cat"]] * 3)
    shown = climb.shown(chosen, places, 0.2, "_")[0].iloc[0]
    assert (shown.prompt, shown.options) == ("the _", ["dog", "_"])


def test_the_unknown_share_falls_to_none():
    book = textbook().iloc[:200]
    runs = simulate(partial(methods.climb, by=None, vocabulary="class"), book, steps=64, batch_size=8)
    unknown = runs.metrics.unknown.to_numpy()
    assert unknown[:4].min() > 0.3 and unknown[-8:].max() == 0  # c(t) = 1 from 7/8 of the way on
    assert np.corrcoef(unknown, np.arange(64))[0, 1] < -0.8


def test_the_classes_of_hidden_words_are_asked_for():
    made = climb.questions(BOOK.iloc[[1]], CLASSES, "classes", "_", np.random.default_rng(0)).iloc[0]
    assert made.name == "b/class" and made.parents == "b"
    text, names = ["The", "dog", "runs"], ["determiner", "noun", "verb"]
    expected = {}  # every way to hide at least one of the three words
    for hidden in product((False, True), repeat=3):
        words = " ".join("_" if h else w for w, h in zip(text, hidden, strict=True))
        expected[f"{words}. Classes of _:"] = ", ".join(n for n, h in zip(names, hidden, strict=True) if h)
    assert expected[made.prompt] == made.answer != ""


def test_each_word_is_hidden_on_its_own():
    book = pd.concat([BOOK.iloc[[1]]] * 4000).set_axis([f"r{i}" for i in range(4000)])
    some = climb.questions(book, CLASSES, "nouns and verbs", "_", np.random.default_rng(0))
    hidden = pd.DataFrame([text.split()[:3] for text in some.prompt], columns=["the", "dog", "runs"])
    hidden = hidden.apply(lambda column: column.str.startswith("_"))
    assert len(some) == 4000
    # chances .15, .4, .4, given that one is hidden: 1 - .85 * .6 * .6 = .694
    shares = hidden.mean()
    assert shares.to_list() == pytest.approx([0.15 / 0.694, 0.4 / 0.694, 0.4 / 0.694], abs=0.032)  # four errors
    assert (hidden.dog & hidden.runs).mean() == pytest.approx(0.16 / 0.694, abs=0.027)
    assert some.answer[(hidden.the & ~hidden.dog & hidden.runs).to_numpy()].unique().tolist() == ["other, verb"]
    every = climb.questions(book, CLASSES, "classes", "_", np.random.default_rng(0)).prompt.str.startswith("_")
    assert every.mean() == pytest.approx(0.4 / (1 - 0.6**3), abs=0.032)


def test_objectives_follow_each_other_or_share_the_rows():
    book = textbook().iloc[:100]

    def kinds(objective):
        trained = asked("climb", book, 32, batch_size=4, by=None, objective=objective)
        return [sum(i.endswith("/class") for i in r.rows.index) for r in trained]

    assert kinds("words") == [0] * 32
    assert kinds("sequential") == [4] * 4 + [0] * 28
    assert kinds("multitask") == [2] * 32
    assert kinds("late words") == [4] * 4 + [2] * 28
    graded = asked("climb", book, 32, batch_size=4, by=None, objective="graded")
    assert {a for r in graded[:2] for row in r.rows.answer for a in row.split(", ")} <= {"noun", "verb", "other"}


def test_all_three_curricula_together():
    book = textbook().iloc[:100].assign(level=lambda t: t.answer.str.len())
    trained = asked("climb", book, 16, batch_size=4, vocabulary="both", objective="multitask")
    assert [len(r.rows) for r in trained] == [4] * 16
    assert trained[0].rows.answer.str.contains("_").any() and not trained[-1].rows.answer.str.contains("_").any()
    assert set(trained[0].note) == {"share", "unknown"}


def test_every_word_of_the_book_has_a_class():
    classes = climb.clinic_classes()
    words = set(climb.word_places(textbook(), "frequency", None, ()))
    assert words <= set(classes) and set(classes.values()) <= set(climb.ORDER)


POOL = make([1, 2, 3, 4], loss=[0.1, np.nan, 0.2, 0.3])


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        (
            {"pacing": "log"},
            "pacing='log' is no pacing; give Ramp('linear') or another of cl.methods.pacing",
        ),
        (
            {"vocabulary": "pos"},
            "vocabulary='pos' is unknown; give 'frequency', 'class', 'both', or None: all words",
        ),
        (
            {"objective": "mlm"},
            "objective='mlm' is unknown; give one of words, sequential, multitask, late words, graded",
        ),
    ],
)
def test_bad_knobs_say_so_at_the_first_step(knobs, why):
    runs = simulate(partial(methods.climb, **knobs), POOL, steps=3, batch_size=2, name="v")
    assert runs.failed == {("v", 0): f"failed: ValueError: {why}"}
    assert runs.metrics.empty
