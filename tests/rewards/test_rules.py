"""Rules for a text: one case that meets each and one that does not, by hand; hostile text; loose reading."""

from __future__ import annotations

import json
import time

import pytest

from curriculab.rewards import rules_met, verify
from curriculab.rewards.rules import OWN, RULES

CASES = [  # rule, settings, a text that meets it, a text that does not
    ("words", {"n": 3}, "luko  biti\nnela", "luko biti"),
    ("lines", {"n": 2}, "luko\n\nbiti", "luko biti"),
    ("sentences", {"n": 2}, "luko. biti nela!", "luko. biti nela"),
    ("length", {"n": 5}, "lukos", "lukoso"),
    ("has", {"part": "k"}, "luKo", "lubo"),
    ("lacks", {"part": "k"}, "lubo", "luKo"),
    ("times", {"part": "o", "n": 2}, "luko nOla", "luko"),
    ("begins", {"part": "lu"}, "Luko", "biti luko"),
    ("ends", {"part": "a."}, "luka.", "luka"),
    ("order", {"first": "k", "second": "b"}, "luko biti", "biti luko"),
    ("capitals", {}, "LUKO 3", "LUKo"),
    ("small", {}, "luko 3", "Luko"),
    ("alphabetical", {}, "Biti, biti luko", "luko biti"),
    ("distinct", {}, "luko biti", "luko, Luko"),
    ("long_words", {"n": 4}, "luko bitis.", "luko bit."),
]


@pytest.mark.parametrize(("rule", "settings", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_every_rule_by_hand(rule, settings, good, bad):
    rules = json.dumps([{"rule": rule} | settings])
    assert rules_met(good, rules) == [True] and rules_met(bad, rules) == [False]
    assert rules_met("", rules) == rules_met(" \n", rules) == [False]
    assert rules_met(f"<think>{bad}</think>\n{good}\n", rules) == [True]  # thoughts do not count


def test_every_rule_has_a_case():
    assert [case[0] for case in CASES] == [rule.__name__ for rule in OWN]


def test_letters_that_are_in_no_alphabet_of_ours():
    rules = '[{"rule": "has", "part": "STRASSE"}, {"rule": "words", "n": 2}, {"rule": "capitals"}]'
    assert rules_met("straße ЁЖ", rules) == [True, True, False]
    assert rules_met("日本 語", '[{"rule": "capitals"}, {"rule": "small"}]') == [False, False]  # no case at all


HOSTILE = [
    "[" * 200_000,
    "*" * 200_000,
    "a " * 100_000,
    "\n" * 200_000,
    "<<" * 100_000,
    "p. " * 70_000,
    "\0" * 9,
    "{" * 99_999,
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:2] for text in HOSTILE])
def test_hostile_text_takes_a_time_in_proportion(text):
    from tests.rewards.test_ifeval import CASES as PUBLISHED

    rules = json.dumps([{"rule": rule} | settings for rule, settings, *_ in (*CASES, *PUBLISHED)])
    began = time.process_time()
    assert len(rules_met(text, rules)) == len(CASES) + len(PUBLISHED)
    assert time.process_time() - began < 2.0  # some 0.1 s


def test_a_first_line_costs_nothing_where_a_text_is_read_loosely():
    rules = '[{"rule": "words", "n": 2}, {"rule": "begins", "part": "luko"}]'
    assert rules_met("Sure, here:\n*luko biti*\nThat is all", rules) == [False, False]
    assert rules_met("Sure, here:\n*luko biti*\nThat is all", rules, loose=True) == [True, True]


def test_the_worth_of_a_text_is_the_share_of_its_rules():
    rules = json.dumps(
        [{"rule": "words", "n": 2}, {"rule": "has", "part": "z"}, {"rule": "small"}, {"rule": "distinct"}]
    )
    assert verify("luko biti", "zuko biti", "rules", metadata=rules) == 0.75
    assert verify("", "zuko biti", "rules", metadata=rules) == 0.0
    for nothing in (None, "", "[]", "{}", "no JSON", "[3]", "[" * 9999):
        worth = verify("luko biti", "zuko biti", "rules", metadata=nothing)
        assert worth != worth  # NaN: nobody says what is to be met


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rule": ["words"]}, f"unknown rule ['words'] in `metadata`; known are {', '.join(RULES)}"),
        ({"rule": "rhyme"}, f"unknown rule 'rhyme' in `metadata`; known are {', '.join(RULES)}"),
        ({"rule": "words"}, "the rule 'words' has n=None; give a whole number"),
        ({"rule": "words", "n": "3"}, "the rule 'words' has n='3'; give a whole number"),
        ({"rule": "has", "part": ""}, "the rule 'has' has part=''; give a text"),
        ({"rule": "has", "part": "a", "n": 3}, "the rule 'has' has no setting 'n'; it has part"),
        ({"rule": "small", "n": 3}, "the rule 'small' has no setting 'n'; it has none"),
    ],
)
def test_rules_that_are_none_are_refused(rule, message):
    with pytest.raises(ValueError) as error:
        rules_met("luko", json.dumps([rule]))
    assert str(error.value) == message
