"""GLAN: the tree of a pool, which concepts a question is made of, and its text, worked out by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab import methods
from curriculab.methods.generated.glan import (
    drawn,
    from_syllabus,
    place,
    plain,
    self_instructed,
    taxonomy,
    written,
)
from curriculab.protocol import Run
from curriculab.rewards import verify_rows
from tests.methods.made import drawn as ids_drawn
from tests.methods.made import make

POOL = make([1, 2, 1, 2, 2, 3], topic=list("yxxyyx")).assign(prompt=[f"q{i}" for i in range(6)], answer=list("012345"))


def plainly(tree):
    return {name: [[rows.tolist() for rows in concepts] for concepts in sessions] for name, sessions in tree.items()}


def test_the_tree_of_a_pool():
    assert plainly(taxonomy(POOL, "topic", "level")) == {
        "x": [[[2]], [[1]], [[5]]],
        "y": [[[0]], [[3], [4]]],
    }
    assert list(taxonomy(POOL, "topic", "level", nodes=1)) == ["x"]
    assert list(taxonomy(POOL, "topic", "level", nodes=9)) == ["x", "y"]


def test_a_column_can_name_key_concepts():
    kinds = POOL.assign(kind=list("aabaab"))
    assert plainly(taxonomy(kinds, "topic", "level", "kind"))["y"] == [[[0]], [[3, 4]]]


def sizes(sessions, single, n=1000, most=5):
    rng = np.random.default_rng(0)
    return [drawn(sessions, single, most, rng) for _ in range(n)]


SESSIONS = [[np.array([4 * s + k]) for k in range(4)] for s in range(3)]  # three sessions of four concepts


def test_of_one_session_come_one_to_four_of_its_four_concepts():
    found = sizes(SESSIONS, 1.0)
    assert all(len({k // 4 for k in one}) == 1 and len(set(one)) == len(one) for one in found)
    count = Counter(map(len, found))
    assert set(count) == {1, 2, 3, 4} and all(abs(n - 250) < 55 for n in count.values())  # sd 14
    assert set(map(len, sizes(SESSIONS, 1.0, most=2))) == {1, 2}


def test_of_two_sessions_come_two_to_five_with_one_of_each_at_least():
    found = sizes(SESSIONS, 0.0)
    assert all(len({k // 4 for k in one}) == 2 and len(set(one)) == len(one) for one in found)
    count = Counter(map(len, found))
    assert set(count) == {2, 3, 4, 5} and all(abs(n - 250) < 55 for n in count.values())
    pairs = Counter(tuple(sorted({k // 4 for k in one})) for one in found)
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}


def test_a_share_of_the_questions_is_of_one_session():
    reach = [len({k // 4 for k in one}) for one in sizes(SESSIONS, 0.8)]
    assert np.mean(np.array(reach) == 1) == pytest.approx(0.8, abs=0.04)
    assert all(len(one) == 1 for one in sizes([[np.array([7])]], 0.0, n=20))  # where there is one, of one concept


def test_a_concept_of_several_rows_gives_one_of_them():
    found = sizes([[np.array([1, 2, 3])]], 1.0, n=300)
    assert Counter(len(one) for one in found) == {1: 300}
    assert {int(one[0]) for one in found} == {1, 2, 3}


def test_every_subject_has_as_many_questions():
    tree = {"x": SESSIONS, "y": [[np.array([100 + k]) for k in range(4)]]}
    found = from_syllabus(tree, 7, 0.5, 5, np.random.default_rng(0))
    assert [one.min() >= 100 for one in found] == [False] * 7 + [True] * 7


def test_self_instruct_knows_the_concepts_of_its_first_questions_only():
    tree = {name: [[np.array([100 * s + k]) for k in range(16)]] for s, name in enumerate("abc")}
    found = self_instructed(tree, 50, 3, 1.0, 5, np.random.default_rng(0))
    assert len(found) == 150
    known = set(np.concatenate(found[:3]).tolist())
    assert set(np.concatenate(found).tolist()) <= known and max(map(len, found)) <= 5
    assert all(len(set(one)) == len(one) for one in found)


def test_a_question_holds_its_concepts_and_their_answers_in_order():
    made = written(POOL, [np.array([4, 0]), np.array([5])], "topic", "level")
    assert made.index.tolist() == ["glan/0/e+a", "glan/1/f"]
    assert made.prompt.tolist() == ["q4\nq0", "q5"] and made.answer.tolist() == ["4 0", "5"]
    assert made.parts.tolist() == made.parents.tolist() == [("e", "a"), ("f",)]
    assert made.topic.tolist() == ["y", "x"]
    assert made[["concepts", "sessions", "level", "session"]].to_numpy().tolist() == [[2, 2, 3, 1], [1, 1, 1, 2]]


def test_answers_are_right_by_construction():
    pool = cl.load_pool("ladder", skills=["add", "reverse"], levels=[1, 2], n=40, seed=0)
    tree = taxonomy(pool, "topic", "level")
    made = written(pool, from_syllabus(tree, 10, 0.5, 5, np.random.default_rng(0)), "topic", "level")
    for _, row in made.iterrows():
        own = pool.loc[list(row.parents)]
        assert row.prompt.split("\n") == own.prompt.tolist()
        assert verify_rows(own, row.answer.split(" ")).all()


def test_orders_by_difficulty_and_by_syllabus():
    made = pd.DataFrame({"topic": list("yxxy"), "session": [0, 1, 1, 0], "level": [1, 5, 2, 3]})
    assert place(made, "topic", "difficulty").tolist() == [1, 5, 2, 3]
    assert place(made, "topic", "syllabus").tolist() == [2, 1, 0, 3]


def test_a_pass_takes_every_question_once_in_random_order():
    ids = ids_drawn(methods.glan, POOL, 10, questions=10)  # two subjects: 20 questions, two a step
    first = [int(one) for step in ids for one in step.replace("glan/", " ").split() for one in [one.split("/")[0]]]
    assert sorted(first) == list(range(20)) and first != list(range(20))


def test_a_walk_by_difficulty_goes_up_once_over_the_budget():
    how = dict(questions=10, order="difficulty")
    found = [one.split("glan/")[1:] for one in ids_drawn(methods.glan, POOL, 5, batch_size=4, **how)]
    made = next(methods.glan(POOL, Run(0, batch=20), **how)).rows
    level = [[int(made.loc[f"glan/{one}", "level"]) for one in step] for step in found]
    assert sum(level, []) == sorted(made.level)  # 20 questions in five steps of four


def test_it_trains_given_answers():
    assert next(methods.glan(POOL, Run(0, batch=4))).objective == "sft"
    assert next(methods.glan(POOL, Run(0, batch=4), order="syllabus")).objective == "sft"


def test_rows_that_are_made_of_others_are_no_concepts():
    pool = POOL.assign(parts=[None, None, None, None, None, ("a", "b")])
    assert list(plain(pool, ("topic",)).index) == list("abcde")
    method = methods.glan(pool, Run(0, batch=200), questions=100)
    assert not any("f" in own for own in next(method).rows.parents)


@pytest.mark.parametrize(
    ("pool", "knobs", "line"),
    [
        (POOL, {"order": "up"}, "order='up' is unknown; give one of 'shuffled', 'difficulty', 'syllabus'"),
        (POOL, {"source": "web"}, "source='web' is unknown; give one of 'syllabus', 'self-instruct'"),
        (POOL, {"concept": "kind"}, "glan: 'kind' is no column of the pool; it has prompt, answer, topic, level"),
        (
            POOL.assign(topic=["y", None, "x", "y", "y", "x"]),
            {},
            "glan: 'topic' is missing for row 'b'; every row belongs to one: fill or drop it",
        ),
        (
            POOL.assign(parts=[("a",)] * 6),
            {},
            "glan: every row of this pool has `parts`; add the rows that they name",
        ),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(pool, knobs, line):
    with pytest.raises(ValueError) as error:
        next(methods.glan(pool, Run(0, batch=2), **knobs))
    assert str(error.value) == line
