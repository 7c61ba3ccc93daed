"""Test rows in what is trained: every way to do it is found, recorded and said first; what is innocent is not."""

from __future__ import annotations

import time

import pandas as pd
import pytest

import curriculab as cl
from curriculab.bench.overlap import TestRows as Rows  # pytest would take its own name for tests
from curriculab.paper.report import methods_paragraph

TALES = [
    "A farmer keeps seven red hens and four white geese in the yard behind the old mill",
    "On Monday the baker sold twelve loaves and on Tuesday half as many to the inn",
    "Three sisters share a garden with nine rows of beans and two rows of early peas",
    "The ferry crosses the lake five times a day and carries thirty people each time it goes",
]


def pool_of(texts, prefix):
    rows = {"prompt": [f"{text}. How many?" for text in texts], "answer": [str(10 + i) for i in range(len(texts))]}
    return pd.DataFrame(rows, index=pd.Index([f"{prefix}/{i}" for i in range(len(texts))], name="id"))


@pytest.fixture
def tests():
    return pool_of(TALES, "test")


def train(rows, pool=None, **columns):
    return Rows(TESTS).find(rows.assign(**columns), pool, 1)


TESTS = pool_of(TALES, "test")
OTHER = pool_of(["Somebody else counts quite other things in a place that nobody in these tales has seen"], "own")


def one(prompt, answer="10", **more):
    return pd.DataFrame({"prompt": [prompt], "answer": [answer], **more}, index=pd.Index(["own/0"], name="id"))


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (one(TESTS.prompt.iloc[0]), "same"),
        (one(TESTS.prompt.iloc[0], "11"), "same"),  # with another answer, too
        (one(TESTS.prompt.iloc[0].upper() + "  "), "same"),
        (one("Question: " + TESTS.prompt.iloc[0]), "near"),
        (one(TESTS.prompt.iloc[0].replace("How many?", "How many birds are that?")), "near"),
        (one("Say it.", "x", solution=[f"{TESTS.prompt.iloc[0]} 10"]), "near"),
        (one("Say it.", "x", turns=[(cl.Piece(f"{TESTS.prompt.iloc[0]} 10", learn=True),)]), "near"),
        (one("Say it.", "x", turns=[(cl.Piece(f"{TESTS.prompt.iloc[0]} 10", learn=True, sample=1),)]), "near"),
        (one("", f"{TALES[0]}. How many? 10"), "near"),  # text to study
    ],
)
def test_a_test_row_is_found_however_it_is_written(row, kind):
    (found,) = train(row)
    assert (found.test, found.trained, found.kind) == ("test/0", "own/0", kind)


@pytest.mark.parametrize(
    "row",
    [
        OTHER,
        one("Question: " + TESTS.prompt.iloc[0], "11"),  # nearly the same with another answer: another question
        one(" ".join(TESTS.prompt.iloc[0].split()[:9])),  # two of its ten sequences
    ],
)
def test_other_rows_are_not(row):
    assert train(row) == []


@pytest.mark.parametrize(("text", "found"), [(f"{TESTS.prompt.iloc[0]} 10", ["test/0"]), ("It is 10.", [])])
def test_what_a_model_wrote_to_a_prompt_of_the_pool_is_looked_at_by_itself(text, found):
    """The prompt is a near twin that the split has on both sides: only what was written can be the run's doing."""
    twin = one("Question: " + TESTS.prompt.iloc[0])
    assert [f.test for f in train(twin)] == ["test/0"]
    assert [f.test for f in train(twin, twin, turns=[(cl.Piece(text, learn=True, sample=1),)])] == found


def test_a_share_of_four_fifths_of_the_sequences_is_the_border():
    # 20 words are 13 sequences of 8; their first 18 hold 11 of them (.85), their first 17 hold 10 (.77)
    words = [f"w{i}" for i in range(20)]
    tests = one(" ".join(words), "x")
    inside, outside = (one(" ".join(["said", *words[:n]]), "x") for n in (18, 17))
    assert Rows(tests).find(inside, None, 1)[0].kind == "near"
    assert Rows(tests).find(outside, None, 1) == []


def test_what_a_split_has_on_both_sides_is_not_the_methods_doing(tests):
    pool = pd.concat([OTHER, tests.set_axis(["twin/0", "twin/1", "twin/2", "twin/3"])])
    assert Rows(tests).find(pool, pool, 1) == []
    written = (cl.Piece("12", learn=True, tokens=(1,), sample=3),)
    assert Rows(tests).find(pool.assign(turns=[written] * len(pool)), pool, 1) == []
    overwritten = pool.assign(prompt=[tests.prompt.iloc[0], *pool.prompt[1:]])
    assert [found.trained for found in Rows(tests).find(overwritten, pool, 1)] == ["own/0"]
    told = (cl.Piece(f"{TALES[1]}. How many? 11", learn=True),)
    assert [found.test for found in Rows(tests).find(pool.iloc[:1].assign(turns=[told]), pool, 1)] == ["test/1"]


def test_time_grows_no_faster_than_the_rows():
    def seconds(n):
        texts = [f"{TALES[i % 4]} and number {i} of {n} many things more" for i in range(n)]
        tests, rows = pool_of(texts, "test"), pool_of([text + " indeed" for text in texts], "own")
        began = time.process_time()
        assert len(Rows(tests).find(rows, None, 1)) >= n
        return time.process_time() - began

    seconds(200)
    # twice the rows; a quadratic search takes four times as long
    assert min(seconds(2000) for _ in range(5)) <= 3.2 * min(seconds(1000) for _ in range(5))


# -- in a bench -------------------------------------------------------------------------------------------------------
def cheat(tests, how):
    """Random order that trains a test row beside each batch."""

    def method(pool, run):
        for start in range(0, 1000, 4):
            rows = pool.iloc[[i % len(pool) for i in range(start, start + 4)]]
            one = tests.iloc[[(start // 4) % len(tests)]]
            if how == "new ids":
                rows = pd.concat([rows, one.rename(lambda i: f"mine/{i}").assign(parents=[[rows.index[0]]])])
            elif how == "overwritten":
                rows = rows.assign(
                    prompt=[one.prompt.iloc[0], *rows.prompt[1:]], answer=[one.answer.iloc[0], *rows.answer[1:]]
                )
            yield cl.Train(rows)

    return method


@pytest.mark.parametrize("how", ["new ids", "overwritten", "not at all"])
def test_a_variant_that_trains_test_rows_leads_the_verdict(how):
    pool = cl.load_pool("ladder", n=80, seed=0)
    train, tests = pool.iloc[:60], pool.iloc[60:]
    variants = {"random": cl.methods.random_order, "mine": cheat(tests, how)}
    runs = cl.simulate(variants, train, tests=tests, steps=12, batch_size=4, seed=[0, 1, 2])
    assert not runs.failed
    result = cl.compare(runs)
    record = next(r for r in runs.records if r.key == ("mine", 0))
    if how == "not at all":
        assert "trained" not in result.verdict and "trained_tests" not in record.spec
        return
    assert result.verdict.startswith("mine trained 12 test rows (such as '")
    assert "its accuracy is not that of rows that it has not seen." in methods_paragraph(runs)
    assert record.spec["trained_tests"]["same"] == 12 and record.spec["trained_tests"]["first"]["step"] == 1
    assert all("trained_tests" not in r.spec for r in runs.records if r.key[0] == "random")


SPELLINGS = {
    "a trailing space": lambda rows: rows.assign(prompt=rows.prompt + " "),
    "upper case": lambda rows: rows.assign(prompt=rows.prompt.str.upper()),
    "a space behind the answer": lambda rows: rows.assign(answer=rows.answer + " "),
    "a prefix": lambda rows: rows.assign(prompt="Question: " + rows.prompt),
    "another answer": lambda rows: rows.assign(answer="12345"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_bench_tells_of_test_rows_in_its_training_rows_in_any_spelling(spelling, tiny_model, small_pools):
    train, tests = small_pools
    repeated = SPELLINGS[spelling](tests.iloc[:3]).rename(lambda row: f"again/{row}")
    with pytest.warns(UserWarning, match=r"^3 test rows repeat a training row in another spelling, with "):
        bench = cl.Bench(
            tiny_model, pd.concat([train, repeated]), tests, budget=cl.Budget(steps=1), store=None, valid=None
        )
    found = bench.design.spec(cl.methods.random_order, 0)["split"]
    assert found["same"] + found["near"] == 3 and (found["share"], found["words"]) == (0.8, 8)


def test_a_bench_says_nothing_of_rows_that_are_not_repeated(tiny_model, small_pools, recwarn):
    bench = cl.Bench(tiny_model, *small_pools, budget=cl.Budget(steps=1), store=None, valid=None)
    assert not [one for one in recwarn if "repeat" in str(one.message)]
    assert bench.design.twins["same"] == bench.design.twins["near"] == 0
