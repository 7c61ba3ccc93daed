"""Verifiers and reward parts: what counts as the same answer, in which time, and what it is worth."""

from __future__ import annotations

import ast
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import curriculab as cl
from curriculab.rewards import (
    Band,
    Composite,
    Correct,
    Cosine,
    Overlong,
    Tags,
    Triangle,
    limits,
    verifiers,
    verify,
    verify_rows,
    worker,
)
from curriculab.rewards.worker import CutOff, Judge
from tools.fuzz_verifiers import LATE, fuzz


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("72", "72", 1),
        (" 72 \n", "72", 1),
        ("72.", "72", 1),
        ("$1,200.0", "1200", 1),
        ("She sold 48 / 2 = 24, so 48 + 24 = 72\n#### 72", "72", 1),
        ("#### 71\nno, wait\n#### 72", "72", 1),
        ("72 it is\n#### 71", "72", 0),
        ("The answer is 72.", "72", 1),
        ("so the answer: $72", "72", 1),
        (r"thus \boxed{72}", "72", 1),
        (r"thus \boxed{\frac{1}{2}} indeed", r"\frac{1}{2}", 1),
        ("48 + 24 makes 72", "72", 1),
        ("72 and then 73", "72", 0),
        ("wrong72", "172", 0),
        ("", "72", 0),
        ("9" * 100_000, "72", 0),
        ("x" * 100_000 + "#### 72", "72", 1),
        ("(" * 10_000, "72", 0),
    ],
)
def test_free_text(text, answer, right):
    assert verify(text, answer) == right


def test_the_embedded_tasks_want_the_whole_text():
    assert verify("3 7 9", "3 7 9", "ladder") == 1 and verify(" 3  7 9\n", "3 7 9", "ladder") == 1
    assert verify("the answer is 3", "3", "ladder") == 0 and verify("3.0", "3", "ladder") == 0


def test_without_an_answer_nothing_is_known():
    assert math.isnan(verify("72", None)) and verify(None, "72") == 0


@pytest.mark.needs("data:gsm8k_train.jsonl")
def test_every_published_solution_of_gsm8k_is_right():
    columns = {"prompt": "question", "solution": "answer", "answer": cl.after("answer", "####")}
    pool = cl.load_pool(Path(os.environ["CURRICULAB_DATA"]) / "gsm8k_train.jsonl", columns=columns)
    assert all(verify(s, a) for s, a in zip(pool.solution, pool.answer, strict=True))


# Multiple choice

CAPITALS = ["Rome", "Paris", "New York", "Oslo"]


@pytest.mark.parametrize(
    ("text", "answer", "options", "right"),
    [
        ("Paris", "Paris", CAPITALS, 1),
        ("paris.", "Paris", CAPITALS, 1),
        ("(B)", "Paris", CAPITALS, 1),
        ("B.", "Paris", CAPITALS, 1),
        ("b", "Paris", CAPITALS, 1),
        ("**B**", "Paris", CAPITALS, 1),
        ("B) Paris", "Paris", CAPITALS, 1),
        ("(B) because the Seine runs through it", "Paris", CAPITALS, 1),
        ("It is on the Seine.\nThe answer is B", "Paris", CAPITALS, 1),
        ("The answer is (B) Paris.", "Paris", CAPITALS, 1),
        (r"\boxed{B}", "Paris", CAPITALS, 1),
        ("The answer is option C", "New  York", CAPITALS, 1),
        ("B", "B", CAPITALS, 1),  # the answer given as a letter
        ("Paris", "B", CAPITALS, 1),
        ("A", "Paris", CAPITALS, 0),
        ("B) Rome", "Paris", CAPITALS, 0),  # a letter and another option's text
        ("Rome or Paris", "Paris", CAPITALS, 0),
        ("E", "Paris", CAPITALS, 0),
        ("Be Paris", "Rome", CAPITALS, 0),
        ("", "Paris", CAPITALS, 0),
        ("A", "A", ["B", "A"], 1),  # an option's own text goes before its place
        ("the answer is (c)", "C", None, 1),
        ("d", "C", None, 0),
        ("paris", "Paris", None, 1),
        ("Paris", "Paris", np.array(CAPITALS), 1),
    ],
)
def test_multiple_choice(text, answer, options, right):
    assert verify(text, answer, "choice", options=options) == right


# Math answers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        (r"\boxed{0.5}", r"\frac{1}{2}", 1),
        (r"\boxed{1/2}", r"\frac{1}{2}", 1),
        (r"#### \dfrac12", "0.5", 1),
        (r"The answer is $\frac{2}{4}$.", r"\frac{1}{2}", 1),
        (r"\boxed{\frac{-7}{3}}", r"-\frac{7}{3}", 1),
        (r"\boxed{0.33}", r"\frac{1}{3}", 0),
        (r"\boxed{\frac{3}{\sqrt{2}}}", r"\frac{3\sqrt{2}}{2}", 1),
        (r"\boxed{\{3, 1, 2\}}", r"\{1,2,3\}", 1),
        (r"\boxed{1, 2, 3}", r"\{1,2,3\}", 1),
        (r"\boxed{\{1, 2\}}", r"\{1,2,3\}", 0),
        (r"\boxed{2, -2}", r"\pm 2", 1),
        (r"\boxed{(1, 2]}", "(1,2]", 1),
        (r"\boxed{[1, 2]}", "(1,2]", 0),
        (r"\boxed{(2, 1)}", "(1,2)", 0),
        (r"\boxed{(3, \infty) \cup (-\infty, 2)}", r"(-\infty,2)\cup(3,\infty)", 1),
        (r"\boxed{90}", r"90^\circ", 1),
        (r"\boxed{45^\circ}", r"90^{\circ}", 0),
        (r"\boxed{12\text{ cm}}", "12", 1),
        (r"\boxed{13\text{ cm}}", r"12\text{ cm}", 0),
        (r"\boxed{\text{Bob}}", r"\text{Evelyn}", 0),
        (r"\boxed{x^2+2x+1}", "(x+1)^2", 1),
        (r"\boxed{x^2+2x+2}", "(x+1)^2", 0),
        (r"\boxed{x = 5}", "5", 1),
        (r"\boxed{\begin{pmatrix}1\\2\end{pmatrix}}", r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}", 1),
        (r"\boxed{\$18}", "18", 1),
        (r"\boxed{}", "5", 0),
        (r"so it is $\frac{1}{72}$", "72", 0),  # its last number is not its answer
        ("x" * 600 + r"#### \frac{1}{2}", "0.5", 1),
    ],
)
def test_math_answers(text, answer, right):
    assert verify(text, answer, "math") == right


def test_plain_numbers_never_reach_the_worker(monkeypatch):
    monkeypatch.setitem(verifiers.JUDGES, "math", None)
    assert verify("48 + 24 makes 72", "72", "math") == 1 and verify(r"\boxed{1,200.0}", "1200", "math") == 1
    assert verify(r"\boxed{73}", "72", "math") == 0 and verify("72 and then 73", "72", "math") == 0


@pytest.mark.slow
def test_what_a_limit_cuts_off_is_wrong_and_counted():
    limits(reset=True)
    assert verify("3 " * 600, "3", "ladder") == 0
    assert verify("x" * 600 + r" $\frac{1}{2}$", "0.5", "math") == 0
    assert verify(r"\boxed{" + "(" * 21 + "3" + ")" * 21 + "}", "x", "math") == 0
    assert verify(r"\boxed{" + "(" * 18 + "3" + ")" * 18 + "}", "x", "math") == 0
    assert verify(r"\boxed{\frac{17}{4}}", "4.25", "math") == 1  # by the next worker
    found = limits()
    assert (found["length"], found["nesting"], found["time"], found["restarts"]) == (2, 1, 1, 1)
    assert (found["crash"], found["raised"]) == (0, 0) and found["restart_seconds"] > 0
    assert sum(limits(reset=True).values()) > 0 and sum(limits().values()) == 0


# Tasks and rows


def test_an_unknown_task_says_what_there_is():
    with pytest.raises(ValueError) as error:
        verify("1", "1", "gsm8k")
    known = "'ladder', 'clinic', 'choice', 'math', 'gym:<name>' and None (any text)"
    assert str(error.value) == f"unknown task 'gsm8k'; known are {known}"
    assert verify("72 it is", "72", float("nan")) == 1  # a file's empty cell


def test_rows_are_judged_by_their_own_columns():
    rows = pd.DataFrame(
        {
            "answer": ["3 7", "Paris", "72", r"\frac{1}{2}", None],
            "task": ["ladder", "choice", None, "math", "ladder"],
            "options": [None, CAPITALS, None, None, None],
        }
    )
    texts = ["3 7", "B", "makes 72", "0.5", "1"]
    np.testing.assert_array_equal(verify_rows(rows, texts), [1, 1, 1, 1, np.nan])
    np.testing.assert_array_equal(verify_rows(rows[["task"]], texts), [np.nan] * 5)
    assert verify_rows(rows[:0], []).shape == (0,)
    with pytest.raises(ValueError, match="^2 texts for 5 rows; give one per row$"):
        verify_rows(rows, ["1", "2"])


def test_without_reasoning_gym_its_tasks_are_compared_as_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    verifiers._say_once.cache_clear()
    with pytest.warns(UserWarning) as said:
        assert verify("<answer>72</answer>", "72", "gym:chain_sum") == 1  # the published answer: no need to warn
        assert verify("so it makes 72.0", "72", "gym:chain_sum") == 1
        assert verify("1 2\n3 4", "1 2\n3 4", "gym:rearc") == 1 and verify("1 2\n3 5", "1 2\n3 4", "gym:rearc") == 0
        assert math.isnan(verify("(A)", "None", "gym:propositional_logic"))
    message = (
        "reasoning-gym is not installed: answers to its tasks are compared as any text is; its own scorers come with "
        "pip install 'curriculab[gym]'"
    )
    assert [str(w.message) for w in said] == [message]


@pytest.mark.needs("reasoning-gym")
def test_reasoning_gym_scores_its_own_tasks():
    known = '{"numbers": [1, 2, 3], "target": 6}'
    assert verify("<answer>3*(2+1)-3</answer>", "1+2+3", "gym:countdown", metadata=known) < 1  # a number used twice
    assert verify("<answer>3*2*1</answer>", "1+2+3", "gym:countdown", metadata=known) == 1
    assert verify("9**9**9**9", "1+2+3", "gym:countdown", metadata=known) == 0
    with pytest.raises(ValueError, match="^unknown task 'gym:chain_summ'; reasoning-gym has ab, "):
        verify("1", "2", "gym:chain_summ")


@pytest.mark.needs("reasoning-gym")
def test_every_published_answer_of_reasoning_gym_is_right():
    names = sorted(set(verifiers.JUDGES["gym"].ready().names) - {"composite"})
    pool = pd.concat([cl.load_pool(f"gym:{name}", n=2) for name in names])
    pool = pool[pool["answer"] != "None"]  # many right answers, none published
    assert (verify_rows(pool, pool["answer"].tolist()) == 1).all() and pool["task"].nunique() > 95


# The worker


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(*pids: int) -> bool:
    """Whether these processes end within 20 seconds."""
    until = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(map(alive, pids))


def children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


SLOW = {"gold": "5", "said": "(" * 18 + "5" + ")" * 18}  # some seconds


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_what_was_left_behind_is_not_read():
    judge = Judge("math").ready()
    process = judge._process.pid
    (first,) = children(process)
    with pytest.raises(CutOff, match="^time$"):
        judge.ask(**SLOW)
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 1
    (second,) = children(process)
    assert second != first and not alive(first)
    os.kill(second, signal.SIGKILL)
    with pytest.raises(CutOff, match="^crash$"):
        judge.ask(gold="0.5", said=r"\frac{1}{2}")
    (third,) = children(process)
    os.kill(process, signal.SIGKILL)
    judge._process.wait()
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 3
    assert process != judge._process.pid
    assert gone(third)
    process = judge._process.pid
    judge.close()
    assert not alive(process)


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True])
def test_the_worker_ends_with_its_parent(busy):
    code = f"""
import os, signal, threading, time
from curriculab.rewards.worker import Judge
judge = Judge("math").ready()
judge.ask(gold="1", said="2")
pid = judge._process.pid
print(pid, open(f"/proc/{{pid}}/task/{{pid}}/children").read(), flush=True)
if {busy}:
    judge._process.stdin.write(b'{json.dumps({"id": 9, **SLOW})}\\n')
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    pids = [int(p) for p in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    assert gone(*pids)


@pytest.mark.slow
def test_a_worker_that_has_grown_makes_room_for_another():
    judge = Judge("math")
    judge.command[1:] = ["-c", "from curriculab.rewards import worker; worker.GROWN = -1; worker.main('math')"]
    seen = set()
    for _ in range(3):
        assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1
        judge.ready()
        seen.update(children(judge._process.pid))
    assert len(seen) == 3 and judge.restarts == 0  # nothing was lost
    judge.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_of_the_parent_starts_a_worker_of_its_own():
    judge = Judge("math").ready()
    child = os.fork()
    if child == 0:
        os._exit(int(judge._process is not None or judge.ask(gold="0.5", said="1/2") != 1))
    assert os.waitpid(child, 0)[1] == 0
    assert judge.ask(gold="0.5", said=r"\frac{1}{2}") == 1 and judge.restarts == 0
    judge.close()


def test_a_worker_that_cannot_start_says_why():
    with pytest.raises(RuntimeError, match="^the latin verifier's process did not start: KeyError: 'latin'$"):
        Judge("latin").ready()


def test_text_is_never_evaluated(tmp_path):
    code = f"__import__('pathlib').Path('{tmp_path}/touched').touch()"
    for text in (code, f"${code}$", rf"\boxed{{{code}}}", rf"\text{{{code}}}", f"#### {code}"):
        for task in (None, "math", "choice"):
            assert verify(text, "1", task) == 0
    assert not list(tmp_path.iterdir())
    for name in ("<string>", "<lambdifygenerated-1>"):
        with pytest.raises(PermissionError, match=f"^{name} would be evaluated$"):
            worker.refuse("compile", (b"1 + 1", name))
    worker.refuse("compile", (b"1 + 1", "<unknown>"))  # ast.parse
    for event in ("pickle.find_class", "os.system", "subprocess.Popen", "socket.connect"):
        with pytest.raises(PermissionError, match=f"^{event}$"):
            worker.refuse(event, ())


def test_the_package_calls_nothing_that_evaluates():
    for path in Path(worker.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        named = {a.name for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}
        assert not called & {"eval", "exec", "compile", "sympify", "parse_expr"}
        assert not named & {"pickle", "torch", "marshal", "shelve"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 + 2*3", 7), ("[[1, 2], ['a']]", [[1, 2], ["a"]]), ("0x1f ^ 3", 28), ("-(7 // 2) ** 2", -9), ("10 % 4", 2)],
)
def test_scorers_that_evaluate_get_arithmetic(text, value):
    assert worker.literal(text) == value


def test_scorers_that_evaluate_get_expressions():
    import sympy

    x = sympy.Symbol("x")
    assert worker.expression("x**2*sin(x)/3") == x**2 * sympy.sin(x) / 3
    assert worker.expression("0.1234567890123456789") == sympy.Float("0.1234567890123456789")
    for text in ("x.__class__", "f(x)", "(lambda: 1)()", "[y for y in (1,)]", "'a'"):
        with pytest.raises(ValueError, match="^not arithmetic: "):
            worker.expression(text)


# Hostile text


@pytest.mark.slow
def test_hostile_text_is_judged_in_time_and_never_raises():
    done: list[tuple] = []
    thread = threading.Thread(target=lambda: done.extend(fuzz(2_000, seed=1)))
    limits(reset=True)
    thread.start()
    thread.join()
    assert len(done) == 2_000  # an error would have ended the thread
    assert all(0 <= worth <= 1 for _, _, worth, _ in done)
    found = limits()
    assert min(found[name] for name in ("length", "nesting", "time", "restarts")) > 0 and found["raised"] == 0
    late = [(task, text) for task, text, _, seconds in done if seconds > LATE]
    for task, text in late:  # once more: the text may be slow, or the machine was
        again = []
        for _ in range(3):
            waited, began = limits()["restart_seconds"], time.perf_counter()
            verify(text, r"\frac{1}{2}", task)
            again.append(time.perf_counter() - began - limits()["restart_seconds"] + waited)
        assert min(again) <= LATE, (task, text[:200], again)


# Reward parts


def answered(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_correct_counts_what_cannot_be_judged_as_nothing():
    assert Correct()(answered(correct=[1.0, 0.0, 0.25, np.nan])).tolist() == [1, 0, 0.25, 0]


def test_triangle():
    rows = answered(length=[0, 50, 100, 150, 200, 300])
    assert Triangle(100)(rows).tolist() == [0, 0.5, 1, 0.5, 0, 0]  # l/L, 1 - (l - L)/L, 0
    assert Triangle("budget")(rows.assign(budget=[50, 50, 50, 100, 400, 300])).tolist() == [0, 1, 0, 0.5, 0.5, 1]


def test_band():
    assert Band(100)(answered(length=[0, 50, 100, 150, 200, 300])).tolist() == [1, 1, 1, 0.5, 0, 0]


def test_cosine():
    rows = answered(length=[0, 50, 100, 150, 200, 300])
    # cos 0 = 1, cos(pi/2) = 0, cos(pi) = -1: low, the middle, high, and back; the released code stays at low
    np.testing.assert_allclose(Cosine(100)(rows), [-1, -0.5, 0, -0.5, -1, -1], atol=1e-12)
    np.testing.assert_allclose(Cosine(100, low=0, high=2)(rows), [0, 1, 2, 1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(Cosine([100, 50, 50, 300, 100, 150])(rows), [-1, 0, -1, -0.5, -1, -1], atol=1e-12)
    assert Cosine([100, 50]) == Cosine((100.0, 50.0)) and hash(Cosine([100, 50])) == hash(Cosine(np.array([100, 50])))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("<think>a</think> <answer>b</answer>", 1),
        ("<think>a</think> b", 0.5),
        ("<answer>b</answer><think>a</think>", 0.5),  # the wrong order: only the first named counts
        ("<think>a<answer>b</answer></think>", 0.5),  # the answer within the thought
        ("<think><think>a</think><answer>b</answer>", 0.5),
        ("</think>a<think>", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_tags(text, share):
    assert Tags("think", "answer")(answered(text=[text])).tolist() == [share]


def test_overlong():
    # DAPO, equation 13: 0 up to 80, (80 - 90)/20 = -1/2 at 90, -1 from 100 on
    assert Overlong(100, 20)(answered(length=[0, 80, 90, 100, 150])).tolist() == [0, 0, -0.5, -1, -1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Triangle(100)(answered(text=["a"])),
            "Triangle(budget=100) reads the column 'length'; these rows have text",
        ),
        (lambda: Band("b")(answered(length=[1])), "Band(budget='b') reads the column 'b'; these rows have length"),
        (lambda: Triangle(0)(answered(length=[1])), "Triangle(budget=0): a number of tokens is above 0, found 0"),
        (
            lambda: Cosine((1, 2))(answered(length=[1])),
            "Cosine(target=(1.0, 2.0), low=-1.0, high=0.0) has 2 numbers for 1 rows; give one, or one per row",
        ),
        (lambda: Tags(), "Tags() names no tag; give at least one, as in Tags('think', 'answer')"),
        (lambda: Overlong(5, 9), "Overlong(limit=5, cache=9): cache is above 0 and at most the limit (tokens)"),
        (lambda: Composite({"a": Correct()}, {"b": 1}), "weights for 'b', parts 'a'; give every part one weight"),
        (lambda: Composite({}, {}), "weights for nothing, parts none; give every part one weight"),
        (
            lambda: Composite({"a": Correct()}, {"a": 1})(answered(correct=[1.0]), 1.5),
            "progress 1.5 is not in [0, 1]; pass run.progress",
        ),
        (
            lambda: Composite({"a": lambda rows: np.zeros(3)}, {"a": 1})(answered(correct=[1.0])),
            "part 'a' gave (3,) values for 1 rows under weight 1; one finite number per row and a finite weight are "
            "needed",
        ),
    ],
)
def test_a_wrong_part_says_so_in_one_line(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_composite_shows_every_part_and_their_weighted_sum():
    reward = Composite(
        {"correct": Correct(), "length": Triangle(100), "format": Tags("think")},
        {"correct": 0.6, "length": lambda progress: 0.3 * progress, "format": 0.1},
    )
    rows = answered(
        text=["<think>a</think>b", "b", "b"],
        length=[50, 100, 400],
        correct=[1.0, 0.0, np.nan],
        reward=[1.0, 0.0, np.nan],
    )
    start, end = reward(rows), reward(rows, 1.0)
    np.testing.assert_allclose(start["reward"], [0.6 + 0.1, 0, 0])
    np.testing.assert_allclose(end["reward"], [0.6 + 0.3 * 0.5 + 0.1, 0.3, 0])
    assert end["reward/correct"].tolist() == [1, 0, 0] and end["reward/format"].tolist() == [1, 0, 0]
    assert end["reward/length"].tolist() == [0.5, 1, 0]
    assert rows.columns.tolist() == ["text", "length", "correct", "reward"]  # the rows given are not changed
    with pytest.raises(FrozenInstanceError):
        reward.parts = {}
