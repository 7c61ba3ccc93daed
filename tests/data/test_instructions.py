"""IFEval's published format: records written by hand, loaded and judged; what is not judged is named."""

from __future__ import annotations

import inspect
import json
import warnings

import pandas as pd
import pytest

import curriculab as cl
from curriculab.data.instructions import JUDGED, LISTS, NOT_JUDGED, NUMBERS, RELATIONS
from curriculab.rewards.ifeval import RELATIONS as PUBLISHED_RELATIONS
from curriculab.rewards.ifeval import RULES

RECORDS = [
    {
        "key": 1000,
        "prompt": "Name three trees. No commas, please, and wrap it in double quotes.",
        "instruction_id_list": ["punctuation:no_comma", "startend:quotation"],
        "kwargs": [{}, {}],
    },
    {
        "key": 31,
        "prompt": "Write about peace in French.",
        "instruction_id_list": ["keywords:frequency", "language:response_language"],
        "kwargs": [{"keyword": "paix", "frequency": 2, "relation": "at least"}, {"language": "fr"}],
    },
    {
        "key": 7,
        "prompt": "Shout.",
        "instruction_id_list": ["change_case:english_capital"],
        "kwargs": [{}],
    },
]
WARNING = (
    "ifeval.jsonl: not judged, since they need a language detector or a tokeniser: language:response_language (1), "
    "change_case:english_capital (1); 1 rows have no other instruction and are left out"
)


def write(folder, records):
    file = folder / "ifeval.jsonl"
    file.write_text("\n".join(json.dumps(record) for record in records))
    return file


def test_records_are_read_and_judged(tmp_path):
    with pytest.warns(UserWarning) as caught:
        pool = cl.load_pool(write(tmp_path, RECORDS))
    assert [str(one.message) for one in caught] == [WARNING]
    assert list(pool.index) == ["ifeval/1000", "ifeval/31"] and pool.level.tolist() == [2, 1]
    assert pool.topic.tolist() == ["punctuation", "keywords"] and set(pool.task) == {"ifeval"}
    assert pool.answer.iloc[1] == "keywords:frequency keyword='paix' frequency=2 relation='at least'"
    assert cl.rewards.verify_rows(pool, ['"oak, elm"', "la paix"]).tolist() == [0.5, 0.0]
    assert cl.rewards.verify_rows(pool, ['"oak elm"', "la paix; la Paix"]).tolist() == [1.0, 1.0]
    assert cl.rewards.judging_of(pool).problem == ""


def test_settings_that_a_hub_data_set_fills_up_with_are_none():
    """There every object has every setting, most of them empty, and whole numbers may have become floats."""
    empty = {"num_words": None, "relation": None, "keywords": None}
    table = pd.DataFrame(
        {
            "key": [1],
            "prompt": ["Write three words."],
            "instruction_id_list": [["punctuation:no_comma", "length_constraints:number_words"]],
            "kwargs": [[empty, empty | {"num_words": 3.0, "relation": "at least"}]],
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pool = cl.load_pool(table)
    rules = [{"rule": "punctuation:no_comma"}]
    rules += [{"rule": "length_constraints:number_words", "num_words": 3, "relation": "at least"}]
    assert json.loads(pool.metadata.iloc[0]) == rules


def one_instruction(name, **settings):
    return {"instruction_id_list": [name], "kwargs": [settings]}


def test_every_setting_that_is_judged_is_checked_as_its_rule_takes_it():
    kinds = {"int": NUMBERS, "list": LISTS}
    for name, settings in JUDGED.items():
        takes = inspect.signature(RULES[name]).parameters.values()
        assert tuple(one.name for one in takes)[1:] == settings
        for one in list(takes)[1:]:
            assert all((one.name in names) == (one.annotation == kind) for kind, names in kinds.items())
    assert set(RELATIONS) == set(PUBLISHED_RELATIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kwargs": [{}]},
            "column 'kwargs': found [{}], expected a list of 2 objects, one for each instruction",
        ),
        (
            {"instruction_id_list": ["punctuation:no_comma", "keywords:rhyme"]},
            "column 'instruction_id_list': found 'keywords:rhyme', expected one of "
            + ", ".join((*JUDGED, *NOT_JUDGED)),
        ),
        (
            {"instruction_id_list": ["punctuation:no_comma", "keywords:existence"]},
            "column 'kwargs': found {}, expected a value of 'keywords' for 'keywords:existence'",
        ),
        (
            {"instruction_id_list": "punctuation:no_comma"},
            "column 'instruction_id_list': found 'punctuation:no_comma', expected a list of ids, such as "
            "['punctuation:no_comma']",
        ),
        (
            one_instruction("keywords:frequency", keyword="war", frequency=2, relation="at most"),
            "column 'kwargs': found 'at most', expected 'less than' or 'at least' as 'relation' of "
            "'keywords:frequency'",
        ),
        (
            one_instruction("keywords:letter_frequency", letter="a", let_frequency=2, let_relation=["at least"]),
            "column 'kwargs': found ['at least'], expected 'less than' or 'at least' as 'let_relation' of "
            "'keywords:letter_frequency'",
        ),
        (
            one_instruction("keywords:frequency", keyword="war", frequency="2", relation="at least"),
            "column 'kwargs': found '2', expected a whole number from 0 up as 'frequency' of 'keywords:frequency'",
        ),
        (
            one_instruction("keywords:existence", keywords="war"),
            "column 'kwargs': found 'war', expected a list of texts as 'keywords' of 'keywords:existence'",
        ),
        (
            one_instruction("startend:end_checker", end_phrase=7),
            "column 'kwargs': found 7, expected a text as 'end_phrase' of 'startend:end_checker'",
        ),
        (
            {"instruction_id_list": ["punctuation:no_comma"], "kwargs": ["none"]},
            "column 'kwargs': found 'none', expected an object for each instruction, such as {'num_words': 3}",
        ),
    ],
)
def test_records_that_do_not_fit_are_refused(tmp_path, change, message):
    with pytest.raises(cl.data.PoolError) as error:
        cl.load_pool(write(tmp_path, [RECORDS[0] | change]))
    assert str(error.value).removeprefix("ifeval.jsonl, line 1, ") == message


def test_a_table_of_which_nothing_is_judged_is_refused(tmp_path):
    with pytest.raises(
        cl.data.PoolError, match=r"^ifeval.jsonl: no row has an instruction that is judged; judged are "
    ):
        cl.load_pool(write(tmp_path, RECORDS[2:]))


def test_answers_of_ones_own_are_left_alone():
    table = pd.DataFrame([RECORDS[0] | {"answer": "oak elm"}])
    assert "metadata" not in cl.load_pool(table)
