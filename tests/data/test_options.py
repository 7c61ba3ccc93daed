"""Multiple choice as data sets have it: answers by letter, place and label; options with letters of their own."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pandas as pd
import pytest

from curriculab.data.loading import load_pool
from curriculab.data.options import pick_option
from curriculab.data.validation import PoolError
from tests.data.written import message, write

CITIES = ["Rome", "Oslo", "Bern"]


def loaded(here: Path, *rows: dict, **columns: object) -> tuple[pd.DataFrame, list[str]]:
    """The pool of these rows, and what was warned of."""
    rows = [{"prompt": f"q{i}", **row} for i, row in enumerate(rows)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pool = load_pool(write(here, "q.jsonl", "\n".join(map(json.dumps, rows))), columns=columns)
    return pool, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("letters", [("B", "C"), ("b", "c"), ("(B)", "(C)"), ("B.", "C.")])
def test_answers_by_letter_become_texts_and_it_is_said(here: Path, letters: tuple[str, str]) -> None:
    pool, said = loaded(here, *({"options": CITIES, "answer": letter} for letter in letters))
    assert pool["answer"].tolist() == ["Oslo", "Bern"]
    assert said == [
        f"q.jsonl: the answers are read as letters of options: {letters[0]!r} of the first row is 'Oslo'; where they "
        'are not, map them, columns={"answer": cl.pick_option(...)} or a function'
    ]


def test_options_that_are_letters_are_not_read_as_letters(here: Path) -> None:
    pool, said = loaded(here, {"options": ["C", "A", "B"], "answer": "A"}, {"options": ["B", "A"], "answer": "B"})
    assert pool["answer"].tolist() == ["A", "B"] and said == []


@pytest.mark.parametrize(("places", "found"), [([0, 2], ["Rome", "Bern"]), ([1, 3], ["Rome", "Bern"])])
@pytest.mark.parametrize("kind", [int, str])
def test_answers_by_place_are_counted_from_zero_or_one_where_only_one_fits(
    here: Path, places: list[int], found: list[str], kind: type
) -> None:
    pool, said = loaded(here, *({"options": CITIES, "answer": kind(place)} for place in places))
    assert pool["answer"].tolist() == found and f"counted from {min(places)}:" in said[0]


def test_places_that_can_be_counted_both_ways_are_asked_for(here: Path) -> None:
    rows = [{"prompt": "q", "options": CITIES, "answer": 1}, {"prompt": "r", "options": CITIES, "answer": 2}]
    source = write(here, "q.jsonl", "\n".join(map(json.dumps, rows)))
    assert message(source) == (
        "q.jsonl: the answers, such as '1', can be read in two ways beside their options; say how, for example "
        'columns={"answer": cl.pick_option("answer", "options", start=0)}'
    )
    assert (
        load_pool(source, columns={"answer": pick_option("answer", "options", start=1)})["answer"].tolist()
        == CITIES[:2]
    )


def test_numbers_beside_options_of_numbers_are_places_only_where_the_source_has_numbers(here: Path) -> None:
    """A whole number beside texts is a place, as in MMLU; a text that an option equals is that option."""
    options = [["1", "2", "3", "0"], ["4", "5", "6", "0"]]
    pool, _ = loaded(here, *({"options": o, "answer": a} for o, a in zip(options, (1, 0), strict=True)))
    assert pool["answer"].tolist() == ["2", "4"]
    pool, said = loaded(here, *({"options": o, "answer": a} for o, a in zip(options, ("1", "0"), strict=True)))
    assert pool["answer"].tolist() == ["1", "0"] and said == []
    pool, said = loaded(here, {"options": [10, 20], "answer": 20})
    assert pool["answer"].tolist() == ["20"] and said == []


@pytest.mark.parametrize(
    "marks", ["(A) {}|(B) {}|(C) {}", "A) {}|B) {}|C) {}", "A. {}|B. {}|C. {}", "1. {}|2. {}|3. {}"]
)
@pytest.mark.parametrize("answer", ["whole", "text", "letter"])
def test_options_lose_letters_of_their_own(here: Path, marks: str, answer: str) -> None:
    options = marks.format(*CITIES).split("|")
    given = {"whole": options[1], "text": "Oslo", "letter": options[1][:-4].strip("(). ")}[answer]
    pool, said = loaded(here, {"options": options, "answer": given})
    assert pool["options"].tolist() == [CITIES] and said[0] == (
        "q.jsonl: the options of 1 rows carry letters or numbers of their own; taken off, prompts add them"
    )
    assert pool["answer"].tolist() == ["Oslo"]


def test_an_answer_with_its_letter_beside_bare_options(here: Path) -> None:
    pool, _ = loaded(here, {"options": CITIES, "answer": "(B) Oslo"})
    assert pool["answer"].tolist() == ["Oslo"]


@pytest.mark.parametrize(
    "options", [["A. Smith", "B. Jones", "D. Hill"], ["1.5", "2.5"], ["a bee", "a cat"], ["A) x", "y"], ["A) ", "B) "]]
)
def test_options_that_only_look_lettered_stay(here: Path, options: list[str]) -> None:
    pool, said = loaded(here, {"options": options, "answer": options[1]})
    assert pool["options"].tolist() == [options] and pool["answer"].tolist() == [options[1]] and said == []


def test_options_by_letter_are_a_list(here: Path) -> None:
    pool, _ = loaded(here, {"options": {"A": "Rome", "B": "Oslo"}, "answer": "B"})
    assert pool["options"].tolist() == [["Rome", "Oslo"]] and pool["answer"].tolist() == ["Oslo"]


def test_labels_name_options() -> None:
    frame = pd.DataFrame(
        {
            "key": ["B", "1", "E"],
            "choices": [{"text": CITIES, "label": list(labels)} for labels in ("ABC", "123", "DEF")],
        }
    )
    pick = pick_option("key", "choices.text", "choices.label")
    assert pick(frame).tolist() == ["Oslo", "Rome", "Oslo"]
    with pytest.raises(PoolError) as error:
        pick(frame.assign(key="Z").set_axis(["line 1", "line 2", "line 3"]))
    assert str(error.value) == (
        "line 1, column 'key': found 'Z', expected one of its labels of ['Rome', 'Oslo', 'Bern']"
    )
    assert pick.code(repr) == "cl.pick_option('key', 'choices.text', 'choices.label')"
