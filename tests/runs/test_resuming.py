"""Lines of branches that were thrown away."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

from curriculab.runs.resuming import cut_at_resumes, cut_files


def lines(*steps: float) -> pd.DataFrame:
    return pd.DataFrame({"step": steps, "place": range(len(steps))})


def points(tag: str, *steps: int, purge: float = float("nan")) -> pd.DataFrame:
    own = pd.DataFrame({"step": list(steps), "tag": tag, "value": 1.0, "purge": float("nan")})
    return pd.concat([pd.DataFrame({"step": [0], "tag": [None], "value": [float("nan")], "purge": [purge]}), own])


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ((10, 20, 20, 30), [0, 1, 2, 3]),
        ((10, 20, 30, 15, 25), [0, 3, 4]),
        ((10, 20, 30, 20, 30, 10, 20), [5, 6]),
        ((30, 20, 10), [2, 1, 0]),
        ((), []),
    ],
)
def test_lines_from_the_first_step_of_a_later_part_on_are_left_out(steps: tuple, kept: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert cut_at_resumes(lines(*steps), "a log")["place"].tolist() == kept


def test_what_is_left_out_is_told_once() -> None:
    with pytest.warns(UserWarning) as caught:
        cut_at_resumes(lines(10, 20, 30, 20, 30), "a log")
    assert [str(w.message) for w in caught] == [
        "a log: resumed at step 20; 2 earlier values from there on belong to a branch that was thrown away, and are "
        "left out"
    ]


def test_files_with_the_same_tags_follow_each_other_and_others_stand_beside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        first, second = cut_files([points("a", 1, 2, 3), points("a", 3, 4)], "logs")
        assert first["step"].tolist() == [1, 2] and second["step"].tolist() == [3, 4]
        first, second = cut_files([points("a", 1, 2, 3), points("b", 1)], "logs")
        assert first["step"].tolist() == [1, 2, 3] and second["step"].tolist() == [1]
        first, second = cut_files([points("a", 1, 2, 3), points("b", 5, purge=2)], "logs")
        assert first["step"].tolist() == [1] and second["step"].tolist() == [5]
    with warnings.catch_warnings():  # a value that is replaced at its step is worth no word
        warnings.simplefilter("error")
        cut_files([points("a", 1, 2), points("a", 2, 3)], "logs")
