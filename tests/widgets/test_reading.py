"""What there is to say about a file: without a widget, as data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import curriculab as cl
from curriculab.data.mapping import count_solution_steps, text_after, text_boxed, text_joined
from curriculab.data.options import pick_option
from curriculab.widgets import examine
from curriculab.widgets.reading import choices, in_words

CSV = b"question,result,grade,notes\n2 + 2,4,1,easy\n7 * 8,56,3,\n"


def test_examine_needs_no_widget(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(CSV)
    look = examine(tmp_path / "mine.csv", columns={"prompt": "question", "answer": "notes"})
    assert look.problems == (
        "mine.csv, line 3, column 'answer': found nothing, expected the right answer, or the text to learn",
    )
    assert look.pool is None and look.mapping.to_dict("index") == {
        "prompt": {"from": "question", "first row": "'2 + 2'"},
        "answer": {"from": "notes", "first row": "'easy'"},
    }


def test_what_was_done_on_the_way_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes("prompt;answer\ngroß?;1,5\n".encode("cp1252"))
    look = examine(tmp_path / "mine.csv")
    assert look.problems == () and len(look.notes) == 2
    assert look.notes[0].startswith("mine.csv: is not UTF-8 and is read as cp1252")
    assert look.notes[1] == "mine.csv: the answers have decimal commas, which become points: 1,5 is 1.5"


def test_helpers_are_said_in_words() -> None:
    assert in_words(text_after("answer", "####")) == "answer: what follows ####"
    assert in_words(text_boxed("solution")) == r"solution: what stands in its \boxed{}"
    assert in_words(count_solution_steps("answer")) == "answer: the number of its steps"
    assert in_words(text_joined("instruction", "input")) == "instruction and input"
    assert in_words(pick_option("key", "choices")) == "key: the option that it names"
    assert in_words(cl.chat_answer("messages")) == "messages: the last message" and in_words(len) == (
        "a function of your own"
    )


def test_choices_are_the_columns_and_what_makes_sense_to_take() -> None:
    table = pd.DataFrame({"a": ["x\n#### 1"], "b": [r"\boxed{2}"], "c": [3]})
    assert [label for label, _ in choices(table, "topic")] == ["(none)", "a", "b", "c"]
    assert [label for label, _ in choices(table, "answer")][4:] == [
        "a: what follows ####",
        r"b: what stands in its \boxed{}",
    ]
    assert [label for label, _ in choices(table, "level")][4:] == ["a: the number of its steps"]
