"""Verifiers and reward parts: is this text a right answer, and what is it worth?

    verify("5 * 12 = 60\\n#### 60", "60")                                  # 1.0
    verify("so it is \\\\boxed{0.5}", "\\\\frac{1}{2}", "math")                # 1.0
    reward = Composite({"correct": Correct(), "length": Triangle(87)}, {"correct": .6, "length": lambda t: .4 * t})
    out = reward(out, run.progress)                                       # reward/correct, reward/length, reward

`python -m curriculab.rewards fuzz --n 100000 --seed 0` throws hostile text at the verifiers and prints what they did.
"""

from __future__ import annotations

import importlib.util
import re
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import repeat

import numpy as np

from curriculab._worker import SECONDS, CutOff, Judge
from curriculab.requests import Rows

LONGEST = 512  # characters at the end of a text that are looked at
LONGEST_GYM = 4096  # there: an answer may be a grid of 30 x 30 numbers
DEEPEST = 20  # brackets within brackets; each more doubles math-verify's time, 15 take it over 0.2 s
NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?\Z")
NUMBERS = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
CLOSING = re.compile(r".*(?:####|\banswer(?: is|:))\s*(.*)", re.IGNORECASE | re.DOTALL)  # the last such mark counts
LATEX = re.compile(r"[\\$^/{]")  # where the last number of a text need not be its answer
LETTER = re.compile(r"\W*(?:option |choice )?\W*([A-Za-z])\W*\Z", re.IGNORECASE)
LETTERED = re.compile(r"[\W_]*([A-Za-z])(?:\)|[.:](?=\s))\W*(\S.*)\Z", re.DOTALL)  # "(B) Paris", "B. Paris"

JUDGES = {"math": Judge("math"), "gym": Judge("gym")}  # processes, started when first asked
_cut: Counter[str] = Counter()
_counting = threading.Lock()


# -- verifiers --------------------------------------------------------------------------------------------------------
def verify(
    text: object,
    answer: object,
    task: str | None = None,
    *,
    metadata: str | None = None,
    options: Sequence[object] | None = None,
) -> float:
    """What a text is worth as an answer, in [0, 1]; 1 is right. NaN without an answer, 0 for a text that is no string.

    task           compares
    "ladder", "clinic"   the whole text, up to white space
    none (or NaN)  the final answer: what stands behind the last "####", "answer is", "answer:" or in the last \\boxed{}
                   of the last 512 characters; the same characters, or the same plain number ("$1,200.0." is "1200").
                   Where the answer is a number and nothing marks the end of the reasoning, the last number counts
    "choice"       the final answer with `options`: the right option's text or its letter ("(B)", "b.", "B) Paris")
    "math"         the final answer as a number, else as LaTeX through math-verify
    "gym:<name>"   score_answer of that task of reasoning-gym, which reads `metadata` (JSON, as load_pool keeps it) and
                   may give part of the points; the published answer itself is always worth 1. The answer is what stands
                   in the last <answer></answer>, else the final answer, else the text

    The last two run in a process of their own and are given 0.2 s. What a limit cuts off is worth 0; see `limits`.
    """
    judge = VERIFIERS.get(task)
    if judge is None:
        if isinstance(task, str) and task.startswith("gym:") and task != "gym:":
            judge = _gym
        elif task != task:
            judge = _free
        else:
            known = ", ".join(repr(t) for t in VERIFIERS if t)
            raise ValueError(f"unknown task {task!r}; known are {known}, 'gym:<name>' and None (any text)")
    if answer is None or answer != answer:
        return float("nan")
    if not isinstance(text, str):
        return 0.0
    return judge(text, " ".join(str(answer).split()), task, str(answer), metadata, options)


def verify_rows(rows: Rows, texts: Sequence[object]) -> np.ndarray:
    """`verify` for one text per row, (rows,): reads the columns answer, task, metadata and options where they exist."""
    if len(texts) != len(rows):
        raise ValueError(f"{len(texts)} texts for {len(rows)} rows; give one per row")
    names = ("answer", "task", "metadata", "options")
    columns = [rows[name].tolist() if name in rows else repeat(None, len(rows)) for name in names]
    worth = [verify(t, a, k, metadata=m, options=o) for t, a, k, m, o in zip(texts, *columns, strict=True)]
    return np.array(worth, dtype=float)


def limits(*, reset: bool = False) -> dict[str, float]:
    """What was cut off in this process since it began, or since the last reset.

    Texts judged wrong because of a limit: length (the answer may stand beyond what is looked at), nesting (deeper than
    20), time (0.2 s), crash (out of memory, or the worker died); raised: Reasoning Gym's own scorer failed on them.
    restarts: workers lost; restart_seconds: waited for workers to be ready, their first start included.
    """
    with _counting:
        found: dict[str, float] = {name: _cut[name] for name in ("length", "nesting", "time", "crash", "raised")}
        found["restarts"] = sum(j.restarts for j in JUDGES.values())
        found["restart_seconds"] = sum(j.waited for j in JUDGES.values())
        if reset:
            _cut.clear()
            for judge in JUDGES.values():
                judge.restarts, judge.waited = 0, 0.0
    return found


def final(text: str) -> tuple[str, bool]:
    """The final answer of a worked text, and whether something marks it as such."""
    start = text.rfind("\\boxed{")
    if start >= 0:
        depth = 0
        for at in range(start + 6, len(text)):
            depth += (text[at] == "{") - (text[at] == "}")
            if depth == 0:
                return text[start + 7 : at], True
    found = CLOSING.match(text)
    if found:
        first = found.group(1).strip().split("\n")[0]
        return first, True
    return text, False


def number(text: str) -> Decimal | None:
    """A plain decimal number, thousands separators allowed; None for anything else."""
    if not NUMBER.match(text):
        return None
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def nesting(text: str) -> int:
    """How many brackets of any kind are open at the deepest place."""
    depth = deepest = 0
    for c in text:
        if c in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in ")]}" and depth:
            depth -= 1
    return deepest


def _cut_off(why: str) -> float:
    with _counting:
        _cut[why] += 1
    return 0.0


def _end(text: str, longest: int = LONGEST) -> tuple[str, bool, bool]:
    """The final answer up to white space, whether it is marked, and whether it may stand beyond what is looked at."""
    said, marked = final(text[-longest:])
    return " ".join(said.split()), marked, not marked and len(text) > longest


def _whole(text: str, gold: str, *_: object) -> float:
    return float(" ".join(text.split()) == gold) if len(text) <= LONGEST else _cut_off("length")


def _free(text: str, gold: str, *_: object) -> float:
    said, marked, cut = _end(text)
    target = number(gold)
    if said == gold:
        return 1.0
    if target is not None:
        numbers = [said] if marked else NUMBERS.findall(said)[-1:]
        if any(number(n.strip("$ .")) == target for n in numbers):
            return 1.0
    return _cut_off("length") if cut else 0.0


def _choice(text: str, gold: str, task: object, answer: str, metadata: object, options: object) -> float:
    said, _, cut = _end(text)
    texts = [" ".join(str(o).split()) for o in options] if isinstance(options, (list, tuple, np.ndarray)) else []
    right = _option(gold, texts)
    if right is None:  # no options given: the letter or the words themselves
        same = said.strip(" .").casefold() == gold.strip(" .").casefold()
        return float(same) or (_cut_off("length") if cut else 0.0)
    return float(_option(said, texts) == right) or (_cut_off("length") if cut else 0.0)


def _option(said: str, texts: list[str]) -> int | None:
    """Which option is meant: by its text, else by its letter, which must not stand before another option's text."""
    if said in texts:
        return texts.index(said)
    words = [t.strip(" .").casefold() for t in texts]
    if words.count(said.strip(" .").casefold()) == 1:
        return words.index(said.strip(" .").casefold())
    found = LETTER.match(said) or LETTERED.match(said)
    if found is None:
        return None
    place = ord(found[1].lower()) - ord("a")
    rest = found[2].strip(" .").casefold() if found.re is LETTERED else None
    if texts and (place >= len(texts) or (rest in words and words[place] != rest)):
        return None
    return place


def _math(text: str, gold: str, *_: object) -> float:
    said, marked, cut = _end(text)
    if said == gold:
        return 1.0
    if cut:
        return _cut_off("length")
    numbers = [said] if marked or LATEX.search(said) else NUMBERS.findall(said)[-1:]
    target, meant = number(gold.strip("$ .")), number(numbers[0].strip("$ .")) if numbers else None
    if target is not None and meant is not None:
        return float(meant == target)
    if len(gold) > LONGEST:
        return _cut_off("length")
    if max(nesting(said), nesting(gold)) > DEEPEST:
        return _cut_off("nesting")
    return _asked("math", said=said, gold=gold) if said else 0.0


def _gym(text: str, gold: str, task: str, answer: str, metadata: object, options: object) -> float:
    end = text[-LONGEST_GYM:]
    start, stop = end.rfind("<answer>"), end.rfind("</answer>")
    found = CLOSING.match(end) if "\n" in answer else None
    if 0 <= start < stop:
        said, marked = end[start + len("<answer>") : stop], True
    elif "\n" in answer:  # a grid: all lines count
        said, marked = (found[1], True) if found else (end, False)
    else:
        said, marked = final(end)
    said = said.strip()
    if " ".join(said.split()) == gold != "None":  # "None": the task publishes no answer
        return 1.0
    if not marked and len(text) > LONGEST_GYM:
        return _cut_off("length")
    if importlib.util.find_spec("reasoning_gym") is None:
        _say_once(f"{task}: reasoning-gym is not installed, so answers are compared as any text; "
                  "pip install 'curriculab[gym]' for its own scorers")  # fmt: skip
        return float("nan") if gold == "None" else _free(text, gold)
    if nesting(said) > DEEPEST:
        return _cut_off("nesting")
    name = task.removeprefix("gym:")
    names = JUDGES["gym"].ready().names
    if name not in names:
        raise ValueError(f"unknown task {task!r}; reasoning-gym has {', '.join(names)}")
    known = metadata if isinstance(metadata, str) else None
    return min(1.0, max(0.0, _asked("gym", name=name, said=said, gold=answer, metadata=known)))


VERIFIERS: dict[str | None, Callable[..., float]] = {
    "ladder": _whole, "clinic": _whole, "choice": _choice, "math": _math, None: _free,
}  # fmt: skip


def _asked(kind: str, **request: str | None) -> float:
    try:
        score = _remembered(kind, tuple(request.items()))
    except CutOff as why:
        return _cut_off(why.args[0])
    return score if score == score else 0.0


@lru_cache(maxsize=4096)  # what was cut off raises and is not kept: the next time may be luckier
def _remembered(kind: str, request: tuple[tuple[str, str | None], ...]) -> float:
    return JUDGES[kind].ask(**dict(request))


@lru_cache(maxsize=1)
def _say_once(message: str) -> None:
    warnings.warn(message, stacklevel=4)


# -- reward parts -----------------------------------------------------------------------------------------------------
Part = Callable[[Rows], np.ndarray]  # answered rows -> (rows,)


@dataclass(frozen=True)
class Correct:
    """What the verifier says, in [0, 1]. Rows without an answer (NaN) count 0: nothing was shown to be right."""

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.nan_to_num(_column(rows, "correct", self).astype(float), nan=0.0)


@dataclass(frozen=True)
class Triangle:
    """Closeness of the length to a budget, in [0, 1]: l/L up to L, then 1 - (l - L)/L, 0 from 2L on.

    budget: tokens, a number or the name of a column. Hammoud et al. 2025, "Train Long, Think Short", arXiv 2508.08940.
    """

    budget: float | str

    def __call__(self, rows: Rows) -> np.ndarray:
        share = _lengths(rows, self) / _tokens(rows, self.budget, self)
        return np.clip(np.minimum(share, 2 - share), 0, 1)


@dataclass(frozen=True)
class Band:
    """1 up to the budget, then falling as the triangle, in [0, 1]: the ablation of the same paper.

    budget: tokens, a number or the name of a column. Hammoud et al. 2025, arXiv 2508.08940.
    """

    budget: float | str

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.clip(2 - _lengths(rows, self) / _tokens(rows, self.budget, self), 0, 1)


@dataclass(frozen=True)
class Cosine:
    """low + (high - low) (1 - cos(pi l/L)) / 2, in [low, high]: highest at the target L, lowest at 0 and from 2L on.

    target: tokens; a number, the name of a column, or one number per row. Yuan et al. 2025, "VL-Cogito", arXiv
    2507.22607; the printed formula swings on beyond 2L, the released code stays at `low`, as here.
    """

    target: float | str | tuple[float, ...]
    low: float = -1.0  # r_min and r_max of the paper
    high: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.target, (int, float, str)):
            object.__setattr__(self, "target", tuple(float(t) for t in self.target))

    def __call__(self, rows: Rows) -> np.ndarray:
        share = np.minimum(_lengths(rows, self) / _tokens(rows, self.target, self), 2)
        return self.low + 0.5 * (self.high - self.low) * (1 - np.cos(np.pi * share))


@dataclass(frozen=True, init=False)
class Tags:
    """Share of the named tag pairs that a text holds exactly once, opened, closed and in this order, in [0, 1].

    Tags("think", "answer") asks for <think>..</think> and behind it <answer>..</answer>. The indicators of Hammoud et
    al. 2025, arXiv 2508.08940, made strict on count and order.
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        if not names:
            raise ValueError("Tags() names no tag; give at least one, as in Tags('think', 'answer')")
        object.__setattr__(self, "names", names)

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.array([self._share(text) for text in _column(rows, "text", self).tolist()], dtype=float)

    def _share(self, text: object) -> float:
        if not isinstance(text, str):
            return 0.0
        held = behind = 0
        for name in self.names:
            opens, closes = f"<{name}>", f"</{name}>"
            start, stop = text.find(opens), text.find(closes)
            if text.count(opens) == text.count(closes) == 1 and behind <= start < stop:
                held, behind = held + 1, stop + len(closes)
        return held / len(self.names)


@dataclass(frozen=True)
class Overlong:
    """Soft punishment of long answers, in [-1, 0]: 0 up to limit - cache, then linear, -1 from the limit on.

    limit, cache: tokens. Yu et al. 2025, "DAPO", arXiv 2503.14476, equation 13 (there 20480 and 4096).
    """

    limit: float
    cache: float

    def __post_init__(self) -> None:
        if not 0 < self.cache <= self.limit:
            raise ValueError(f"{self!r}: cache is above 0 and at most the limit (tokens)")

    def __call__(self, rows: Rows) -> np.ndarray:
        return np.clip((self.limit - self.cache - _lengths(rows, self)) / self.cache, -1, 0)


@dataclass(frozen=True)
class Composite:
    """Named parts and their weights: numbers, or functions of the run's progress in [0, 1].

    composite(rows, progress) returns the answered rows with a column reward/<name> per part, as the part gave it, and
    their weighted sum in `reward`: a method writes them between Sample and Train, where the log sees them.
    """

    parts: Mapping[str, Part]
    weights: Mapping[str, float | Callable[[float], float]]

    def __post_init__(self) -> None:
        strangers, missing = sorted(set(self.weights) - set(self.parts)), sorted(set(self.parts) - set(self.weights))
        if not self.parts or strangers or missing:
            raise ValueError(
                f"weights for {', '.join(map(repr, self.weights)) or 'nothing'}, parts "
                f"{', '.join(map(repr, self.parts)) or 'none'}; give every part one weight"
            )
        object.__setattr__(self, "parts", dict(self.parts))
        object.__setattr__(self, "weights", dict(self.weights))

    def __call__(self, rows: Rows, progress: float = 0.0) -> Rows:
        if not 0 <= progress <= 1:
            raise ValueError(f"progress {progress!r} is not in [0, 1]; pass run.progress")
        columns, total = {}, np.zeros(len(rows))
        for name, part in self.parts.items():
            weight = self.weights[name]
            weight = float(weight(progress) if callable(weight) else weight)
            values = np.asarray(part(rows), dtype=float)
            if values.shape != (len(rows),) or not np.isfinite(values).all() or not np.isfinite(weight):
                raise ValueError(
                    f"part {name!r} gave {values.shape} values for {len(rows)} rows under weight {weight:g}; "
                    "one finite number per row and a finite weight are needed"
                )
            columns[f"reward/{name}"] = values
            total += weight * values
        return rows.assign(**columns, reward=total)


def _column(rows: Rows, name: str, part: Part) -> np.ndarray:
    if name not in rows:
        raise ValueError(f"{part!r} reads the column {name!r}; these rows have {', '.join(map(str, rows.columns))}")
    return rows[name].to_numpy()


def _lengths(rows: Rows, part: Part) -> np.ndarray:
    return _column(rows, "length", part).astype(float)


def _tokens(rows: Rows, value: float | str | tuple[float, ...], part: Part) -> np.ndarray:
    """A number of tokens per row, (rows,)."""
    found = np.asarray(_column(rows, value, part) if isinstance(value, str) else value, dtype=float)
    if found.ndim and len(found) != len(rows):
        raise ValueError(f"{part!r} has {len(found)} numbers for {len(rows)} rows; give one, or one per row")
    if not (found > 0).all():
        raise ValueError(f"{part!r}: a number of tokens is above 0, found {found[~(found > 0)].flat[0]:g}")
    return np.broadcast_to(found, len(rows))


# -- hostile text -----------------------------------------------------------------------------------------------------
GOLD = ("72", "-3.5", r"\frac{1}{2}", "(x+1)^2", r"\{1,2,3\}", "(1,2]", r"90^\circ", "Paris", "3 7 9", "y = 2x + 1")
SHELLS = ("{}", "#### {}", "The answer is {}.", r"\boxed{{{}}}", "${}$", r"so \[{}\]", "answer: ${}$", "<answer>{}</answer>")
PIECES = (
    r"\frac", r"\sqrt", r"\sum", r"\int", r"\left(", r"\right)", r"\begin{pmatrix}", r"\end{pmatrix}", r"\text{", r"\boxed{",
    r"\cdot", r"\infty", r"\cup", r"\in", r"\le", r"\pi", r"\log", r"\binom", r"\pm", r"\%", r"\\", "&", "$", "$$", "^", "_",
    "{", "}", "(", ")", "[", "]", "|", ",", ";", "=", "<", "+", "-", "*", "**", "/", "!", ".", " ", "\n", "\t", "x", "y", "e",
    "i", "0", "1", "9", "17", "1e999", "####", "answer is", "import os", "__class__", "lambda:", "eval(", "\x00", "\x1b[2J",
    "\u202e", "\ud800", "\udfff", "\U0010ffff", "\u0663", "\u00b2", "\u2028", "\ufeff",
)  # fmt: skip


def hostile(rng: np.random.Generator) -> str:
    """A text that wants to hang, crash or fool a verifier."""
    pick, n = rng.integers(11), int(rng.integers(1, 60))
    if pick == 0:  # nested brackets, closed or not
        left, right = ("()", "[]", "{}", (r"\left(", r"\right)"), (r"\sqrt{", "}"), (r"\frac{1}{", "}"))[rng.integers(6)]
        n = n if rng.random() < 0.8 else n * 200
        core = left * n + "3" + right * (n if rng.random() < 0.7 else 0)
    elif pick == 1:  # towers
        core = ("9**" * n + "9", "9^{" * n + "9" + "}" * n, "9^" * n + "9", "9" + "!" * n)[rng.integers(4)]
    elif pick == 2:  # digits, up to a megabyte
        size = 1_000_000 if rng.random() < 0.1 else 10 ** int(rng.integers(1, 5))
        core = str(rng.integers(1, 10)) * size
    elif pick == 3:  # control characters and anything else that is a code point, surrogates included
        core = "".join(map(chr, rng.integers(0, 0x20 if rng.random() < 0.5 else 0x110000, n)))
    elif pick == 4:  # sizes that explode
        power = 10 ** int(rng.integers(1, 9))
        core = (f"(x+1)^{{{power}}}", rf"\sum_{{i=1}}^{{{power}}} i", f"{power}!", rf"\int_0^{{{power}}} e^{{x^2}} dx",
                rf"\binom{{{power}}}{{{power // 2}}}", rf"{power}^{{{power}}}", "x+" * n + "1")[rng.integers(7)]  # fmt: skip
    elif pick == 5:  # code
        core = ("__import__('os').system('sleep 9')", "().__class__.__mro__[1].__subclasses__()", "while True: pass",
                "exec('9**9**9')", "Symbol('x').__class__", "open('/etc/passwd').read()")[rng.integers(6)]  # fmt: skip
    elif pick == 6:  # a right answer, damaged
        core = list(GOLD[rng.integers(len(GOLD))])
        core[rng.integers(len(core))] = PIECES[rng.integers(len(PIECES))]
        core = "".join(core)
    elif pick == 7:  # many marks
        core = (r"\boxed{", "$", "#### ", "answer is ", "$$", r"\[", "<answer>")[rng.integers(7)] * (n * 8)
    else:
        core = "".join(PIECES[i] for i in rng.integers(len(PIECES), size=n))
    return SHELLS[rng.integers(len(SHELLS))].format(core) if rng.random() < 0.7 else core


def fuzz(n: int, seed: int = 0, tasks: Sequence[str | None] | None = None) -> Iterator[tuple[str | None, str, float, float]]:
    """Judge `n` hostile texts: task, text, worth, and seconds it took less those waited for a worker to be ready."""
    rng = np.random.default_rng(seed)
    tasks = tasks or ["math", "math", *VERIFIERS, *(["gym:countdown"] if importlib.util.find_spec("reasoning_gym") else [])]
    for judge in {JUDGES[t.split(":")[0]] for t in tasks if t and t.split(":")[0] in JUDGES}:
        judge.ready()
    metadata, options = '{"numbers": [1, 2, 3], "target": 6}', ("Paris", "72", "(1,2]", "3 7 9")
    for _ in range(n):
        task, gold, text = tasks[rng.integers(len(tasks))], GOLD[rng.integers(len(GOLD))], hostile(rng)
        waited, began = limits()["restart_seconds"], time.perf_counter()
        worth = verify(text, gold, task, metadata=metadata, options=options)
        seconds = time.perf_counter() - began - (limits()["restart_seconds"] - waited)
        yield task, text, worth, seconds


def main() -> None:
    """Print what `n` hostile texts, judged in a background thread, did to the verifiers."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m curriculab.rewards")
    parser.add_argument("what", choices=["fuzz"])
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    done: list[tuple[str | None, str, float, float]] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.extend((task, text[:200], worth, s) for task, text, worth, s in fuzz(asked.n, asked.seed))
        except BaseException as error:
            failed.append(error)

    began = time.perf_counter()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    print(f"{len(done):,} of {asked.n:,} texts judged in {time.perf_counter() - began:.0f} s, raised: {failed or 'none'}")
    for task, count in Counter(d[0] for d in done).items():
        print(f"  {task or 'any text'}: {count:,}, worth something {sum(d[2] > 0 for d in done if d[0] == task):,}")
    print("  cut off:", ", ".join(f"{name} {value:,.6g}" for name, value in limits().items()))
    task, text, _, slowest = max(done, key=lambda d: d[3])
    late = sum(d[3] > SECONDS + 0.05 for d in done)
    print(f"  slowest {slowest:.3f} s ({task}: {text!r}); over {SECONDS + 0.05:g} s: {late}")


if __name__ == "__main__":
    main()
