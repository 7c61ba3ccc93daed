"""The rules of IFEval: a text that meets each, and one that does not, by hand from what the published set counts."""

from __future__ import annotations

import json

import pytest

from curriculab.data.instructions import JUDGED, NOT_JUDGED
from curriculab.rewards import rules_met
from curriculab.rewards.ifeval import RULES

AT_LEAST, LESS = {"relation": "at least"}, {"relation": "less than"}
CASES = [  # id, settings, a text that meets it, a text that does not
    ("keywords:existence", {"keywords": ["war", "peace"]}, "Warm PEACE", "war only"),
    ("keywords:frequency", {"keyword": "war", "frequency": 2} | AT_LEAST, "war, award", "war"),
    ("keywords:forbidden_words", {"forbidden_words": ["rock"]}, "rocks", "a Rock."),
    (
        "keywords:letter_frequency",
        {"letter": "T", "let_frequency": 2, "let_relation": "less than"},
        "one t",
        "Two t",
    ),
    ("length_constraints:number_words", {"num_words": 3} | AT_LEAST, "it's so", "it is"),  # it, s, so
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***\none\n***\ntwo", "one\n***\n***\ntwo"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Once"},
        'one\n\n"once, upon',
        "once\n\nupon",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [[b]", "[a] and [b\n]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "so\np. s. more", "so\nPS more"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n - b\n**c**", "* a\nb"),
    ("detectable_format:constrained_response", {}, "Well. My answer is no.", "no"),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* **b**", "*a* * *"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        "SECTION 1\na\nSECTION2",
        "Section 1\nSECTION 2",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', "{a: 1}"),
    ("detectable_format:title", {}, "so\n<<poem>>", "<<>>\n< <poem> >"),
    ("combination:two_responses", {}, "one******two", "one******one"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say it. "}, "say it. Fine", "Fine. Say it."),
    ("startend:end_checker", {"end_phrase": "Any questions?"}, 'So. "any questions?"', "Any questions? No."),
    ("startend:quotation", {}, ' "so" ', '"'),
    ("punctuation:no_comma", {}, "one; two", "one, two"),
]


@pytest.mark.parametrize(("rule", "settings", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_every_judged_id_by_hand(rule, settings, good, bad):
    rules = json.dumps([{"rule": rule} | settings])
    assert rules_met(good, rules) == [True] and rules_met(bad, rules) == [False]
    assert rules_met("", rules) == [False]


def test_twenty_ids_are_judged_and_five_are_left_out():
    assert [case[0] for case in CASES] == list(JUDGED)
    assert set(RULES) == set(JUDGED) and len(JUDGED) == 20 and len(NOT_JUDGED) == 5


@pytest.mark.parametrize(
    ("rule", "text", "met"),
    [
        ({"rule": "keywords:frequency", "keyword": "war", "frequency": 2} | LESS, "war", True),
        ({"rule": "keywords:existence", "keywords": ["a+"]}, "aa", False),  # as it stands, no regular expression
        ({"rule": "length_constraints:number_paragraphs", "num_paragraphs": 2}, "one***two***", True),
        ({"rule": "detectable_content:postscript", "postscript_marker": "P.P.S"}, "P. P. S more", True),
        ({"rule": "detectable_content:postscript", "postscript_marker": "P.P.S"}, "P.S. more", False),
        ({"rule": "detectable_format:number_bullet_lists", "num_bullets": 1}, "---", True),  # as there: a line with "-"
        ({"rule": "detectable_format:json_format"}, "[" * 100_000, False),
        ({"rule": "combination:two_responses"}, "******one******two", True),
        ({"rule": "combination:two_responses"}, "one************two", False),
    ],
)
def test_edges(rule, text, met):
    assert rules_met(text, json.dumps([rule])) == [met]


def test_a_relation_that_is_none_is_refused():
    rules = json.dumps([{"rule": "length_constraints:number_words", "num_words": 3, "relation": "at most"}])
    with pytest.raises(ValueError, match=r"^the relation 'at most' is unknown; give 'less than' or 'at least'$"):
        rules_met("one", rules)
