"""Columns of a source as columns of a pool."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from curriculab.data.loading import load_pool
from curriculab.data.mapping import count_solution_steps, text_after, text_boxed, text_joined
from curriculab.data.validation import PoolError
from tests.data.written import message, write


def test_columns_map_target_to_source_and_keep_the_rest(here: Path) -> None:
    text = '{"question": "2+2", "answer": "Add.\\n\\nMore.\\n#### 4,000", "kind": "sum"}\n'
    columns = {
        "prompt": "question",
        "solution": "answer",
        "answer": text_after("answer", "####"),
        "level": count_solution_steps("answer"),
        "size": lambda frame: frame["question"].str.len(),
    }
    row = load_pool(write(here, "g.jsonl", text), columns=columns).loc["g/00001"]
    assert row.to_dict() == {
        "prompt": "2+2",
        "solution": "Add.\n\nMore.\n#### 4,000",
        "answer": "4000",
        "level": 2,
        "size": 3,
        "kind": "sum",
    }


def test_after_and_steps_are_values() -> None:
    assert text_after("answer", "####") == text_after("answer", "####")
    assert hash(count_solution_steps("answer")) == hash(count_solution_steps("answer"))
    frame = pd.DataFrame({"answer": ["x #### 1 #### -1,234,567.5", "#### 1,2,3"]})
    assert text_after("answer", "####")(frame).tolist() == ["-1234567.5", "1,2,3"]


def test_an_answer_alone_is_text_to_study(here: Path) -> None:
    source = write(here, "t.jsonl", '{"text": "Zeb is red."}\n{"text": "Zob is blue."}\n')
    pool = load_pool(source, columns={"answer": "text"})
    assert pool["prompt"].tolist() == ["", ""] and pool["answer"].tolist() == ["Zeb is red.", "Zob is blue."]


def test_options_come_as_lists_or_as_json(here: Path) -> None:
    source = write(here, "m.csv", 'prompt,answer,options\nwhich?,b,"[""a"", ""b""]"\nwho?,2,"[1, 2]"\nfree?,x,\n')
    assert load_pool(source)["options"].tolist() == [["a", "b"], ["1", "2"], None]


def test_wrong_columns_give_one_clear_line(here: Path) -> None:
    source = write(here, "g.jsonl", '{"question": "2+2", "answer": "4"}\n')
    assert message(source, columns={"prompt": "questoin"}) == (
        "g.jsonl: no column 'questoin', wanted for 'prompt'; did you mean 'question'? it has question, answer"
    )
    assert message(source, columns={"prompt": "question", "answer": text_after("answer", "####")}) == (
        "g.jsonl, line 1, column 'answer': found '4', expected '####' in it"
    )
    assert message(source, columns={"prompt": "question", "level": count_solution_steps("solution")}) == (
        "g.jsonl: no column 'solution'; it has question, answer"
    )
    assert message(source, columns={"prompt": 3}) == (
        "g.jsonl: columns['prompt'] is 3, expected a column name or a function"
    )
    assert message(source, columns={"prompt": "question", "level": lambda frame: [1, 2]}) == (
        "g.jsonl: columns['level'] gave 2 values, expected 1, one a row"
    )


def test_a_column_that_the_mapping_replaces_is_named(here: Path) -> None:
    source = write(here, "g.jsonl", '{"question": "2+2", "answer": "4", "gold": "four"}\n')
    with pytest.warns(UserWarning) as caught:
        load_pool(source, columns={"prompt": "question", "answer": "gold"})
    assert [str(warning.message) for warning in caught] == [
        "g.jsonl: its own column 'answer' is replaced by the mapped one; map it to another name to keep it, for "
        "example {'source_answer': 'answer'}"
    ]


@pytest.mark.parametrize("name", ["question", "Question", "instruction", "problem"])
def test_an_answer_alone_beside_a_question_is_refused(here: Path, name: str) -> None:
    source = write(here, "g.jsonl", f'{{"{name}": "2+2", "answer": "4"}}\n')
    assert message(source, columns={"answer": "answer"}) == (
        f"g.jsonl: only an answer is mapped, and there is a column {name!r} that looks like the prompt; map it too, "
        f'columns={{"prompt": "{name}", ...}}; for texts to learn without a prompt, {{"prompt": "", ...}}'
    )
    assert load_pool(source, columns={"prompt": "", "answer": "answer"})["prompt"].tolist() == [""]


def test_a_verifier_is_named_for_all_rows(here: Path) -> None:
    source = write(here, "g.jsonl", '{"prompt": "2+2", "answer": "4"}\n{"prompt": "1+1", "answer": "2"}\n')
    assert load_pool(source, columns={"task": "math"})["task"].tolist() == ["math", "math"]


def test_an_input_that_no_prompt_holds_is_told(here: Path) -> None:
    lines = ['{"instruction": "Translate", "input": "Hund", "output": "dog"}', '{"instruction": "Hi", "output": "Hi"}']
    source = write(here, "g.jsonl", "\n".join(lines))
    with pytest.warns(UserWarning) as caught:
        load_pool(source, columns={"prompt": "instruction", "answer": "output"})
    assert [str(warning.message) for warning in caught] == [
        "g.jsonl: 1 of 2 rows have a text in 'input', which is not in their prompt; take both with "
        'columns={"prompt": cl.text_joined("instruction", "input")}'
    ]
    joined = {"prompt": text_joined("instruction", "input", between=": "), "answer": "output"}
    assert load_pool(source, columns=joined)["prompt"].tolist() == ["Translate: Hund", "Hi"]
    with pytest.raises(PoolError, match=r"^text_joined\('a',\): give the names of two columns or more$"):
        text_joined("a")


def test_the_last_box_is_taken_whole() -> None:
    frame = pd.DataFrame({"s": [r"\boxed{1} then \boxed{\frac{1}{2}}.", r"\fbox{ 3 }"]}, index=["line 1", "line 2"])
    assert text_boxed("s")(frame).tolist() == [r"\frac{1}{2}", "3"]
    for text in ("none", r"\boxed{open"):
        with pytest.raises(PoolError) as error:
            text_boxed("s")(frame.assign(s=text))
        assert str(error.value) == f"line 1, column 's': found {text!r}, expected a \\boxed{{...}}"
