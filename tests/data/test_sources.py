"""The pool: what loads, what is refused and in which words, and how it is split."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curriculab.data.files import data_path
from curriculab.data.mapping import after, steps
from curriculab.data.sources import load_pool
from curriculab.data.splitting import shares, split
from curriculab.data.validation import PoolError, render_prompt, validate

QUESTIONS = "id,prompt,answer,level\na,one,1,1\nb,two,2,1\nc,three,3,2\n"
KNOWN = "'ladder', 'clinic', 'gym:<task>', 'hf:<id>' or a file .jsonl, .json, .csv, .parquet (the first three also .gz)"


def message(source: str | Path, **options: object) -> str:
    """The whole text of the one error."""
    with pytest.raises(PoolError) as error:
        load_pool(source, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CURRICULAB_DATA", raising=False)
    return tmp_path


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_bytes(text.encode())
    return name


# --- what loads -------------------------------------------------------------------------------------------------------


def test_a_csv_becomes_a_pool(here: Path) -> None:
    pool = load_pool(write(here, "q.csv", QUESTIONS))
    expected = pd.DataFrame(
        {"prompt": ["one", "two", "three"], "answer": ["1", "2", "3"], "level": [1, 1, 2]},
        index=pd.Index(["a", "b", "c"], name="id"),
    )
    pd.testing.assert_frame_equal(pool, expected)


@pytest.mark.parametrize("name", ["q.jsonl", "q.json", "q.csv", "q.parquet", "q.jsonl.gz", "q.csv.gz"])
def test_every_kind_of_file_gives_the_same_pool(here: Path, name: str) -> None:
    rows = [{"prompt": f"wie groß ist {i}?", "answer": str(i), "level": i % 3, "extra": i / 2} for i in range(5)]
    frame = pd.DataFrame(rows)
    if name == "q.parquet":
        frame.to_parquet(here / name)
    else:
        lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        text = {"jsonl": lines, "json": json.dumps(rows), "csv": frame.to_csv(index=False)}[name.split(".")[1]]
        data = text.encode()
        (here / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    pool = load_pool(name)
    expected = frame.set_axis(pd.Index([f"q/{i:05d}" for i in range(1, 6)], name="id"))
    pd.testing.assert_frame_equal(pool, expected)


def test_columns_map_target_to_source_and_keep_the_rest(here: Path) -> None:
    text = '{"question": "2+2", "answer": "Add.\\n\\nMore.\\n#### 4,000", "kind": "sum"}\n'
    columns = {
        "prompt": "question",
        "solution": "answer",
        "answer": after("answer", "####"),
        "level": steps("answer"),
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
    assert after("answer", "####") == after("answer", "####") and hash(steps("answer")) == hash(steps("answer"))
    frame = pd.DataFrame({"answer": ["x #### 1 #### -1,234,567.5", "#### 1,2,3"]})
    assert after("answer", "####")(frame).tolist() == ["-1234567.5", "1,2,3"]


def test_an_answer_alone_is_text_to_study(here: Path) -> None:
    source = write(here, "t.jsonl", '{"text": "Zeb is red."}\n{"text": "Zob is blue."}\n')
    pool = load_pool(source, columns={"answer": "text"})
    assert pool["prompt"].tolist() == ["", ""] and pool["answer"].tolist() == ["Zeb is red.", "Zob is blue."]


def test_options_come_as_lists_or_as_json(here: Path) -> None:
    source = write(here, "m.csv", 'prompt,answer,options\nwhich?,b,"[""a"", ""b""]"\nwho?,2,"[1, 2]"\nfree?,x,\n')
    assert load_pool(source)["options"].tolist() == [["a", "b"], ["1", "2"], None]


def test_n_rows_are_drawn_by_seed_in_file_order(here: Path) -> None:
    text = "".join(json.dumps({"prompt": f"q{i}", "answer": "1"}) + "\n" for i in range(50))
    source = write(here, "q.jsonl", text)
    pool = load_pool(source, n=20, seed=4)
    assert len(pool) == 20 and pool.index.is_monotonic_increasing
    pd.testing.assert_frame_equal(pool, load_pool(source, n=20, seed=4))
    assert set(pool.index) != set(load_pool(source, n=20, seed=5).index)
    assert message(source, n=51) == "q.jsonl: asked for 51 rows, it has 50; ask for 1 to 50"


def test_files_are_found_in_the_data_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "sets").mkdir()
    write(here / "sets", "q.csv", QUESTIONS)
    expected = f"q.csv: no such file in {here}; give its full path, or set CURRICULAB_DATA to its folder"
    assert message("q.csv") == expected
    monkeypatch.setenv("CURRICULAB_DATA", str(here / "sets"))
    assert len(load_pool("q.csv")) == 3
    assert message("r.csv") == f"r.csv: no such file in {here} and in CURRICULAB_DATA ({here / 'sets'})"


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "question,answer\none,1\n",
            "q.csv: no column 'prompt'; it has question, answer; "
            'say which one it is, for example columns={"prompt": "question"}',
            id="missing column",
        ),
        pytest.param(
            "id,prompt,answer\na,one,1\nb,two,2\na,three,3\n",
            "q.csv, line 4, column 'id': found 'a', expected an id of its own; line 2 has it too",
            id="duplicate id",
        ),
        pytest.param(
            "prompt,answer\none,1\n,2\n",
            "q.csv, line 3, column 'prompt': found nothing, expected a question; text to study leaves the prompt "
            "empty in every row, or maps the answer only",
            id="empty prompt",
        ),
        pytest.param(
            "prompt,answer\none,1\n,\n",
            "q.csv, line 3: found neither prompt nor answer, expected text in at least the answer",
            id="empty row",
        ),
        pytest.param(
            "prompt,answer\none,\n",
            "q.csv, line 2, column 'answer': found nothing, expected the right answer, or the text to study",
            id="empty answer",
        ),
        pytest.param(
            'prompt,answer,options\nwhich?,c,"[""a"", ""b""]"\n',
            "q.csv, line 2, column 'answer': found 'c', expected the text of one of its options ['a', 'b']",
            id="answer not among options",
        ),
        pytest.param(
            "prompt,answer,options\nwhich?,a,a;b\n",
            "q.csv, line 2, column 'options': found 'a;b', expected a list of texts, in a CSV as JSON: "
            '["first", "second"]',
            id="options not a list",
        ),
        pytest.param(
            'prompt,answer,options\nwhich?,a,"[""a"", ""a""]"\n',
            "q.csv, line 2, column 'options': found ['a', 'a'], expected 2 to 26 different texts",
            id="options repeat",
        ),
        pytest.param(
            'prompt,answer,level\n"one\nmore",1,1\ntwo,2,hard\n',
            "q.csv, line 4, column 'level': found 'hard', expected a whole number",
            id="level not a number",
        ),
        pytest.param(
            "prompt,answer\none,1\ntwo, or three,2\n",
            "q.csv, line 3: found 3 fields, expected 2 (prompt, answer); quote cells that hold commas",
            id="ragged row",
        ),
        pytest.param(
            "prompt,answer,prompt\n",
            "q.csv, line 1: found the column 'prompt' twice, expected every name once",
            id="repeated column",
        ),
        pytest.param("prompt,answer\n", "q.csv: found no rows, expected at least one", id="no rows"),
        pytest.param(
            "prompt,answer,held_out\none,1,maybe\n",
            "q.csv, line 2, column 'held_out': found 'maybe', expected true or false",
            id="held_out not a flag",
        ),
    ],
)
def test_a_wrong_csv_gives_one_clear_line(here: Path, text: str, expected: str) -> None:
    assert message(write(here, "q.csv", text)) == expected


def test_a_wrong_encoding_names_byte_and_line(here: Path) -> None:
    (here / "q.csv").write_bytes("prompt,answer\none,1\nwie groß?,2\n".encode("latin-1"))
    assert message("q.csv") == (
        "q.csv, line 3: found byte 0xdf at offset 27, expected UTF-8; convert the file, for example with: "
        "iconv -f LATIN1 -t UTF-8 q.csv"
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("q.jsonl", '{"prompt": "a", "answer": "b"}\n[1]\n', "q.jsonl, line 2: found [1], expected a JSON object"),
        ("q.jsonl", '\n{"prompt": \n', "q.jsonl, line 2: found '{\"prompt\": ', expected one JSON object"),
        (
            "q.json",
            '{"prompt": "a"}',
            "q.json: found {'prompt': 'a'}, expected a list of objects; one object a line belongs in a .jsonl file",
        ),
        (
            "q.json",
            '{"a": 1}\n{"a": 2}',
            "q.json, line 2: found more after the first value; expected one list of objects; "
            "one object a line belongs in a .jsonl file",
        ),
        ("q.json", "[1,", "q.json, line 1: found text that is not JSON, expected a list of objects"),
        (
            "q.jsonl",
            '{"prompt": "a", "answer": "1"}\n{"prompt": "b"}\n',
            "q.jsonl, line 2, column 'answer': found nothing, expected the right answer, or the text to study",
        ),
        (
            "q.jsonl",
            '{"prompt": ["a"], "answer": "1"}\n',
            "q.jsonl, line 1, column 'prompt': found ['a'], expected text",
        ),
    ],
)
def test_wrong_json_gives_one_clear_line(here: Path, name: str, text: str, expected: str) -> None:
    assert message(write(here, name, text)) == expected


def test_wrong_columns_give_one_clear_line(here: Path) -> None:
    source = write(here, "g.jsonl", '{"question": "2+2", "answer": "4"}\n')
    assert message(source, columns={"prompt": "questoin"}) == (
        "g.jsonl: no column 'questoin', wanted for 'prompt'; did you mean 'question'? it has question, answer"
    )
    assert message(source, columns={"prompt": "question", "answer": after("answer", "####")}) == (
        "g.jsonl, line 1, column 'answer': found '4', expected '####' in it"
    )
    assert message(source, columns={"prompt": "question", "level": steps("solution")}) == (
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


def test_unknown_sources_and_arguments(here: Path) -> None:
    assert message("laddder") == f"unknown source 'laddder'; known are {KNOWN}"
    assert message("ftp:x") == f"unknown source 'ftp:x'; known are {KNOWN}"
    assert message("ladder", split="test") == (
        "load_pool('ladder') takes no argument 'split'; it takes skills, levels, n, seed"
    )


@pytest.mark.slow
def test_an_unknown_hub_name_without_network_gives_one_line() -> None:
    code = "import curriculab as p\ntry: p.load_pool('hf:nobody/nothing')\nexcept p.PoolError as e: print(e)"
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True
    )
    assert run.stdout == (
        "hf:nobody/nothing: the hub cannot be reached and the data set is not in the local cache; "
        "check the name and the network, or give a local folder (hf:<folder>) or file\n"
    )
    assert run.stderr == ""


def test_a_local_folder_in_hub_format_loads(here: Path) -> None:
    (here / "mine").mkdir()
    for part in ("train", "test"):
        write(here / "mine", f"{part}.jsonl", f'{{"question": "{part}?", "answer": "1", "options": ["1", "2"]}}\n')
    pool = load_pool("hf:mine", split="test", columns={"prompt": "question"})
    assert pool.loc["mine/00001"].to_dict() == {"prompt": "test?", "answer": "1", "options": ["1", "2"]}


def test_gym_says_how_to_install_what_it_needs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)  # makes its import fail
    assert message("gym:chain_sum") == (
        "gym:chain_sum needs the package reasoning-gym: pip install 'curriculab[gym]' (one of its dependencies has no "
        "wheel and needs a C compiler)"
    )


@pytest.mark.needs("reasoning-gym")
def test_gym_tasks_load(here: Path) -> None:
    rows = [load_pool("gym:chain_sum", n=50, seed=seed, min_digits=4) for seed in (0, 1)]
    assert not set(rows[0]["prompt"]) & set(rows[1]["prompt"])
    text = message("gym:chain_summ")
    assert text.startswith("unknown task 'chain_summ' in 'gym:chain_summ'; did you mean 'chain_sum'? known are ab, ")


# --- validate ---------------------------------------------------------------------------------------------------------


def tiny(**columns: list) -> pd.DataFrame:
    frame = pd.DataFrame({"prompt": ["a", "b"], "answer": ["1", "2"], **columns})
    return frame.set_axis(pd.Index(["r1", "r2"], name="id"))


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (tiny()["prompt"], "mine: found a Series, expected a DataFrame with the columns prompt and answer"),
        (
            tiny().reset_index(drop=True),
            "mine, row 0, column 'id': found 0, expected text, such as 'mine/00001'",
        ),
        (tiny().set_axis(["x", "x"]), "mine, row 'x', column 'id': found 'x', expected an id of its own"),
        (tiny(level=[1, 1.5]), "mine, row 'r2', column 'level': found 1.5, expected a whole number"),
        (tiny(topic=["a", None]), "mine, row 'r2', column 'topic': found nothing, expected text"),
    ],
)
def test_validate_refuses(pool: pd.DataFrame, expected: str) -> None:
    with pytest.raises(PoolError) as error:
        validate(pool, "mine")
    assert str(error.value) == expected


def test_repeated_prompts_warn_and_stay() -> None:
    pool = tiny().assign(prompt="same")
    with pytest.warns(UserWarning) as caught:
        assert len(validate(pool, "mine")) == 2
    assert [str(warning.message) for warning in caught] == [
        "mine: 1 prompts repeat earlier ones (first: r2); they are kept, and split puts none on both sides"
    ]


def test_validate_changes_nothing_it_was_given() -> None:
    pool = tiny(level=[1.0, 2.0])
    before = pool.copy()
    assert validate(pool, "mine")["level"].dtype == "int64"
    pd.testing.assert_frame_equal(pool, before)


# --- split ------------------------------------------------------------------------------------------------------------


def levelled(sizes: dict[int, int], held_out: bool = False) -> pd.DataFrame:
    levels = np.repeat(list(sizes), list(sizes.values()))
    frame = pd.DataFrame({"prompt": [f"q{i}" for i in range(len(levels))], "answer": "1", "level": levels})
    frame.index = pd.Index([f"r{i}" for i in range(len(levels))], name="id")
    return frame.assign(held_out=np.arange(len(frame)) % 10 == 0) if held_out else frame


def test_split_is_stratified_and_loses_nothing() -> None:
    pool = levelled({1: 60, 2: 30, 3: 10})
    train, test = split(pool, test=20, by="level", seed=0)
    assert test["level"].value_counts().to_dict() == {1: 12, 2: 6, 3: 2}
    assert sorted([*train.index, *test.index]) == sorted(pool.index)
    pd.testing.assert_frame_equal(test, split(pool, test=20, by="level", seed=0)[1])
    assert set(test.index) != set(split(pool, test=20, by="level", seed=1)[1].index)
    assert len(split(pool, test=7, by=None)[1]) == 7


def test_split_tests_on_held_out_rows_only_and_trains_on_none() -> None:
    train, test = split(levelled({1: 100, 2: 100}, held_out=True), test=10)
    assert test["held_out"].all() and not train["held_out"].any()
    assert test["level"].value_counts().to_dict() == {1: 5, 2: 5} and len(train) == 180


def test_split_names_the_level_with_too_few_held_out_rows() -> None:
    with pytest.raises(PoolError) as error:
        split(levelled({1: 100, 2: 100}, held_out=True), test=30)
    assert str(error.value) == (
        "split: level 1 has 10 rows to test on (held out, each prompt once), 15 are needed; "
        "load more rows or ask for a smaller test"
    )


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({"by": "topic"}, "split: no column 'topic' to balance by; the pool has prompt, answer, level; or say by=None"),
        ({"test": 20}, "split: asked for 20 test rows, the pool has 20; ask for 1 to 19"),
        ({"test": 0.1}, "split: test=0.1 is no number of rows; give a whole one, for that share test=2"),
        ({"test": "5"}, "split: test='5' is no number of rows; give a whole one"),
        ({"test": 0}, "split: asked for 0 test rows, the pool has 20; ask for 1 to 19"),
    ],
)
def test_split_refuses(knobs: dict, expected: str) -> None:
    with pytest.raises(PoolError) as error:
        split(levelled({1: 20}), **{"test": 5, **knobs})
    assert str(error.value) == expected


def test_the_readme_split_of_the_ladder() -> None:
    train, test = split(load_pool("ladder", n=3000, seed=0), test=300, by="level", seed=0)
    assert (len(train), len(test)) == (2700, 300)
    assert test["level"].value_counts().eq(50).all() and test["held_out"].all() and not train["held_out"].any()


@pytest.mark.slow
@given(st.lists(st.integers(0, 8), min_size=12, max_size=60), st.integers(1, 5), st.integers(0, 9))
def test_no_prompt_is_on_both_sides(prompts: list[int], test: int, seed: int) -> None:
    pool = pd.DataFrame({"prompt": [f"q{i}" for i in prompts], "answer": "1"})
    pool.index = pd.Index([f"r{i}" for i in range(len(pool))], name="id")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            train, tested = split(pool, test=test, by=None, seed=seed)
        except PoolError:
            assert len(set(prompts)) <= test
            return
    assert len(tested) == test and not set(train["prompt"]) & set(tested["prompt"])


@given(st.integers(0, 500), st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_shares_add_up_and_stay_within_one_of_exact(total: int, sizes: list[int]) -> None:
    counts = shares(total, np.array(sizes))
    assert counts.sum() == total
    assert (np.abs(counts - total * np.array(sizes) / sum(sizes)) < 1).all()


# --- shared -----------------------------------------------------------------------------------------------------------


def test_prompts_are_rendered_one_way() -> None:
    assert render_prompt("add 1 + 2") == "add 1 + 2\n"
    assert render_prompt("") == ""
    assert render_prompt("which?", ["x", "y"]) == "which?\nA) x\nB) y\n"


def test_the_package_finds_its_data() -> None:
    assert data_path("ladder.parquet").is_file()


# --- published files, where they are at hand --------------------------------------------------------------------------


def published(name: str) -> Path:
    return Path(os.environ["CURRICULAB_DATA"]) / name


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_gsm8k_loads_with_one_call() -> None:
    columns = {"prompt": "question", "solution": "answer", "answer": after("answer", "####"), "level": steps("answer")}
    pool = load_pool(published("gsm8k_train.jsonl"), columns=columns)
    assert len(pool) == 7473
    assert (~pool["prompt"].add(pool["solution"]).map(str.isascii)).sum() == 651
    assert pool["answer"].str.fullmatch(r"-?\d+(\.\d+)?").all() and pool["level"].between(1, 12).all()
    assert pool["answer"].iloc[0] == pool["solution"].iloc[0].rpartition("#### ")[2]


@pytest.mark.needs("data:math500_test.json")
def test_math500_loads_with_one_call() -> None:
    pool = load_pool(published("math500_test.json"), columns={"prompt": "problem", "topic": "subject"})
    assert len(pool) == 500 and set(pool["level"]) == {1, 2, 3, 4, 5} and "unique_id" in pool
