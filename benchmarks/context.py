"""In-context methods, once on a real instruct model: `python -m benchmarks.context re_reading`.

SmolLM2-135M answers 100 word problems of one step, once a solver of the method; the answers are kept in
data/context/, a line each, so that what is said of them can be checked without a model. A solver is not begun after
15 minutes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Generator, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import pandas as pd

METHODS = ("re_reading", "implicit_mistakes", "adaptmi", "promptpg", "behavior_handbook")
KNOBS = {"promptpg": {"problems": 40, "epochs": 2}, "behavior_handbook": {"problems": 24, "most": 8}}  # 15 minutes each
ROWS, LONGEST, SECONDS = 100, 64, 900  # test rows, tokens of an answer, and until when a solver is begun
OWNER = ("trial", 0)


def settings(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.context", description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--model", default="smollm2", help="what cl.load_model takes (default smollm2)")
    parser.add_argument("--bits", type=int, default=32, help="of its weights (default 32, the fastest on a processor)")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"test rows (default {ROWS})")
    parser.add_argument("--longest", type=int, default=LONGEST, help=f"tokens of an answer (default {LONGEST})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"until a solver is begun (default {SECONDS})")
    parser.add_argument("--knobs", type=json.loads, default={}, help="of the method, such as '{\"times\": [1, 2]}'")
    parser.add_argument("--to", type=Path, default=Path("data/context"), help="where the answers go")
    return parser.parse_args(given)


class Driver:
    """Answers the requests of a method and of its solvers, one after another, by a model."""

    def __init__(self, model: object, longest: int) -> None:
        self.backend, self.turn = model.backend(max_new_tokens=longest), 0
        self.backend.start([OWNER])

    def through(self, asking: Generator, seen: list) -> object:
        """All requests of a generator answered, and kept in `seen`; what it returned."""
        from curriculab.protocol import Ask, Returned, Use, advance

        request = advance(asking)
        while not isinstance(request, Returned):
            seen.append(request)
            self.turn += 1
            reply = None
            if not isinstance(request, Use):
                (answer,) = self.backend.answer([Ask(OWNER, self.turn, 0, (0, self.turn, 0), request)])
                if isinstance(answer, Exception):
                    raise answer
                reply = answer.reply
            request = advance(asking, reply)
        return request.value


def answers(driver: Driver, solvers: dict, tests: pd.DataFrame, until: float) -> Iterator[pd.DataFrame]:
    """The answers of each solver: solver, id, text, correct, length in tokens, and of the prompt the characters."""
    from curriculab.rewards import verify_rows

    for name, solve in solvers.items():
        if time.monotonic() > until:
            return
        began = time.monotonic()
        out = driver.through(solve(tests.drop(columns=["answer", "solution"])), [])
        correct = verify_rows(tests.loc[out.index], out["text"].tolist())
        columns = {"id": out.index, "text": out["text"], "correct": correct, "length": out["length"]}
        found = pd.DataFrame(columns).assign(solver=name, prompt=out["prompt"].str.len()).reset_index(drop=True)
        print(f"{name}: {found.correct.mean():.2f} right, {time.monotonic() - began:.0f} s", flush=True)
        yield found


def main(given: Sequence[str] | None = None) -> int:
    """Try one method; its answers and figures into a folder."""
    import curriculab as cl
    from curriculab.protocol import Run, Use

    asked = settings(given)
    pool = cl.load_pool("word_problems", levels=[1])
    train, tests = cl.split(pool, test=asked.rows, seed=0)
    model = cl.load_model(asked.model, bits=asked.bits)
    knobs = {k: tuple(v) if isinstance(v, list) else v for k, v in (KNOBS.get(asked.method, {}) | asked.knobs).items()}
    method, seen, driver = partial(getattr(cl.methods, asked.method), **knobs), [], Driver(model, asked.longest)
    until = time.monotonic() + asked.seconds
    driver.through(method(train, Run(0, batch=8)), seen)
    (use,) = [request for request in seen if isinstance(request, Use)]
    parts = []
    for part in answers(driver, use.solvers, tests, until):  # written as they come
        parts.append(part)
        write(asked, knobs, pd.concat(parts, ignore_index=True))
    return 0


def write(asked: argparse.Namespace, knobs: dict, found: pd.DataFrame) -> None:
    """The answers of the solvers that are done, and what came of them."""
    import curriculab as cl

    asked.to.mkdir(parents=True, exist_ok=True)
    found[["solver", "id", "text", "correct", "length", "prompt"]].to_csv(asked.to / f"{asked.method}.csv", index=False)
    about = {"method": asked.method, "model": asked.model, "bits": asked.bits, "longest": asked.longest, "knobs": knobs}
    right = found.groupby("solver", sort=False).correct.mean().round(4).to_dict()
    about |= {"rows": asked.rows, "right": right, "curriculab": cl.__version__, "date": date.today().isoformat()}
    (asked.to / f"{asked.method}.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
