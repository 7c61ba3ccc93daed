"""Prompts with rules: each has a text that meets them all, levels are numbers of rules, draws are those of the seed."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from curriculab.data.loading import load_pool
from curriculab.data.sources.rules import APART, EACH, FAMILIES, KINDS, LEVELS, TOPICS
from curriculab.data.validation import PoolError
from curriculab.rewards import verify_rows
from curriculab.rewards.rules import OWN


@pytest.fixture(scope="module")
def pool():
    return load_pool("rules", n=EACH * len(LEVELS), seed=5)


def test_the_text_that_the_rules_were_read_off_meets_them_all(pool):
    assert (verify_rows(pool, pool.answer.tolist()) == 1).all()
    others = pool.answer.to_numpy()[::-1]
    assert verify_rows(pool, list(others)).mean() < 0.75  # and another row's text does not


def test_a_level_is_a_number_of_rules_and_each_is_of_another_kind(pool):
    rules = pool.metadata.map(json.loads)
    assert pool.level.tolist() == rules.map(len).tolist() and pool.level.value_counts().eq(EACH).all()
    for row in rules:
        kinds = [rule["rule"] for rule in row]
        assert len(set(kinds)) == len(kinds) and not any(set(pair) <= set(kinds) for pair in APART)
    assert rules.map(lambda row: row[0]["rule"]).isin(KINDS).all()
    assert all(row[0]["rule"] in FAMILIES[topic] for row, topic in zip(rules, pool.topic, strict=True))


def test_every_kind_of_rule_is_drawn(pool):
    drawn = {rule["rule"] for row in pool.metadata.map(json.loads) for rule in row}
    assert drawn == set(KINDS) == {rule.__name__ for rule in OWN} and len(KINDS) >= 12


def test_prompts_differ_and_a_tenth_are_held_out(pool):
    assert pool.prompt.is_unique and 0.06 < pool.held_out.mean() < 0.14
    again = load_pool("rules", n=EACH * len(LEVELS), seed=6)
    shared = (
        pool.set_index("prompt").held_out.rename("one").to_frame().join(again.set_index("prompt").held_out, how="inner")
    )
    assert len(shared) and (shared.one == shared.held_out).all()  # by the prompt alone


def test_the_same_seed_draws_the_same_rows():
    assert load_pool("rules", n=40, seed=1).equals(load_pool("rules", n=40, seed=1))
    assert not load_pool("rules", n=40, seed=1).equals(load_pool("rules", n=40, seed=2))
    some = load_pool("rules", n=40, seed=1, levels=[2, 3], topics="place")
    assert set(some.level) == {2, 3} and set(some.topic) == {"place"}


def test_an_id_is_that_of_its_prompt_whatever_the_seed(pool):
    again = load_pool("rules", n=EACH * len(LEVELS), seed=6)
    prompts = pd.concat([pool.prompt, again.prompt])
    assert prompts.groupby(level=0).nunique().max() == 1 and prompts.groupby(prompts).size().max() == 2
    assert pool.index.str.fullmatch(r"rules/[1-4]/[0-9a-f]{12}").all()
    assert prompts.reset_index().groupby("prompt")["id"].nunique().max() == 1


@pytest.mark.parametrize(("topics", "least"), [("form", 7), ("length", 30)])
def test_without_a_number_a_level_gives_what_there_is(topics, least):
    some = load_pool("rules", topics=topics)
    counts = some.level.value_counts()
    assert least <= counts[1] < 100 and counts[2] == counts[3] == counts[4] == 100 and set(some.topic) == {topics}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1001}, "rules: asked for 1001 rows, expected 4 to 1000 of these levels"),
        ({"levels": 5}, "rules: unknown level 5; known are 1, 2, 3, 4"),
        ({"topics": "rhyme"}, f"rules: unknown topic 'rhyme'; known are {', '.join(TOPICS)}"),
        (
            {"n": 9, "levels": 1, "topics": "form", "seed": 1},
            "rules: asked for 9 rows of level 1, found 7 different prompts of the topics form; ask for fewer, for more "
            "topics or for higher levels",
        ),
    ],
)
def test_what_there_is_not_is_refused(options, message):
    with pytest.raises(PoolError) as error:
        load_pool("rules", **options)
    assert str(error.value) == message
