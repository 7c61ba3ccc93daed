"""RL2F: attempt, be told by a teacher who knows the answer what is wrong, attempt again; learned over the whole talk.

Title    Interactive In-Context Learning from Natural Language Feedback
Year     2026
Number   44
Needs    objective grpo
Paper    2026, "Improving Interactive In-Context Learning from Natural Language Feedback" (RL2F); no released code found
Kept     attempt, verify, hint, attempt again, until it is right or out of turns; the teacher alone sees the answer; one
         reward for the whole talk; loss on the student's own turns only; hints that hold the answer are found by
         matching text. `hints="others"` is the decisive control: every row gets the hint of another row
Changed  the paper's own claim, a steeper rise of accuracy over turns than after single-turn training, is not tested on
         a simulated student: what a hint is worth to it is planted and never learned. gamma and turns are those of the
         sibling paper of some of the authors (Social Meta-Learning, arXiv 2602.16488); the words to the teacher are
         ours; a hint that gives the answer away becomes "Look again." (there, a model judges leaks too); learning to
         predict the hints is left out, of which no figure was found on its own
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Annotated

import numpy as np
import pandas as pd

from curriculab.environments.teachers import Hint, Hinted
from curriculab.environments.turns import ask, tell
from curriculab.methods.check import Check, CheckBench
from curriculab.methods.samplers import Queue
from curriculab.protocol import Run, Sample, Script, Train, Use
from curriculab.registry.knobs import Knob, check_bounds

QUESTION = (  # ours
    "{prompt}\nThe right answer is {answer}. Do not say it. A student wrote {text!r}. In one line, what should they "
    "look at again?"
)
AGAIN = "Look again."  # in place of a hint that holds the answer; ours
HINTS = ("own", "others")
WRITERS = {"hint": Hint(right=0.9)}  # what the simulated student says as a teacher


def language_feedback(
    pool: pd.DataFrame,
    run: Run,
    *,
    turns: Annotated[int, Knob(1, 8, "attempts at a row, at most", step=1, least=1)] = 4,  # the sibling paper trains 4
    gamma: Annotated[
        float, Knob(0.1, 1.0, "share of its reward that a right answer keeps a turn", step=0.1, above=0.0, most=1.0)
    ] = 0.7,  # the sibling paper
    teacher: Annotated[str, Knob(help="role that writes the hints")] = "base",  # the same model, before training
    hints: Annotated[str, Knob(choices=HINTS, help="whose hint a row gets: its own, or that of another row")] = "own",
) -> Generator:
    """reward = correct gamma^(turn - 1), turn the last attempt of a talk; advantages among the talks about a row.

    Tested as "alone" (one attempt) and "taught" (with the teacher, who sees the answers).
    """
    check_bounds(language_feedback, locals())
    if hints not in HINTS:
        raise ValueError(f"hints={hints!r} is unknown; give one of {', '.join(map(repr, HINTS))}")

    def alone(rows: pd.DataFrame) -> Generator:
        return (yield Sample(rows, temperature=0.0, purpose="test"))

    def taught(rows: pd.DataFrame) -> Generator:
        return (yield from talk(rows, turns=turns, teacher=teacher, temperature=0.0, purpose="test"))

    yield Use({"alone": alone, "taught": taught}, with_answers=True, roles=(teacher,))
    queue = Queue.shuffled(np.arange(len(pool)), run.rng)
    while True:
        rows = pool.take(queue.take(run.batch))
        out = yield from talk(rows, turns=turns, n=run.rollouts, teacher=teacher, hints=hints)
        right = out["correct"].to_numpy(float) > 0
        reward = right * gamma ** (out["turn"].to_numpy(float) - 1)
        note = {"turns": float(out["turn"].mean()), "solved": float(right.mean()), "leaks": float(out["leaks"].mean())}
        yield Train(out.assign(reward=reward), "grpo", note=note)


def talk(
    rows: pd.DataFrame,
    *,
    turns: int,
    teacher: str,
    n: int = 1,
    hints: str = "own",
    temperature: float | None = None,
    purpose: str = "answer",
) -> Generator:
    """Attempts at each row until one is right; each talk as it ended, with `turn` (of its last attempt) and `leaks`."""
    live, ended = rows.assign(turn=1, leaks=0), []
    for turn in range(1, turns + 1):
        out = yield Sample(live, n if turn == 1 else 1, temperature=temperature, purpose=purpose)
        right = out["correct"].to_numpy(float) > 0
        over = right | (turn == turns)
        ended.append(out[over])
        live = out[~over]
        if live.empty:
            break
        said = (yield Sample(questions(live), role=teacher, purpose="hint"))["text"].tolist()
        leaked = leaks(said, live["answer"])
        said = [AGAIN if gives_away else hint for hint, gives_away in zip(said, leaked, strict=True)]
        said = of_other_rows(live.index, said) if hints == "others" else said
        live = tell(live, said).assign(turn=turn + 1, leaks=live["leaks"] + leaked, said_by=teacher)
    return pd.concat(ended)


def questions(live: pd.DataFrame) -> pd.DataFrame:
    """What the teacher is asked about each wrong attempt, with the answer that the student does not see."""
    texts = zip(live["prompt"], live["answer"], live["text"], strict=True)
    asked = [QUESTION.format(prompt=prompt, answer=answer, text=text) for prompt, answer, text in texts]
    return ask(live, asked, answer=live["answer"])


def leaks(said: Sequence[str], answers: Sequence[object]) -> np.ndarray:
    """Does each hint hold its row's answer as a whole word? (hints,): "it is 7." gives 7 away, "use 17" does not."""
    pairs = zip(said, answers, strict=True)
    return np.array([bool(re.search(rf"(?<!\w){re.escape(str(answer))}(?!\w)", hint)) for hint, answer in pairs], bool)


def of_other_rows(ids: pd.Index, said: Sequence[str]) -> list[str]:
    """For each talk the first hint to the next row; AGAIN where there is no other row."""
    first = dict(zip(reversed(ids.tolist()), reversed(said), strict=True))
    rows = pd.unique(ids).tolist()
    following = dict(zip(rows, [*rows[1:], rows[0]], strict=True))
    return [first[following[row]] if len(rows) > 1 else AGAIN for row in ids]


RATES = {"middling": 0.3, "hard": 0.1}
GAIN, LEAK = 2.0, 0.2  # logits that a hint for the row adds; share of hints that give the answer away


def check(bench: CheckBench) -> Check:
    """Hints reach their own rows, and those that give the answer away reach nobody."""
    own, others = _talks(bench, hints="own"), _talks(bench, hints="others")
    late, late_others = own[own.turn > 1].correct.mean(), others[others.turn > 1].correct.mean()
    solved, solved_others = float(own.correct.mean()), float(others.correct.mean())
    found = float(own.leaks.sum() / (own.turn - 1).sum())
    due, due_others = _solved(LEAK), _solved(1.0)
    return Check(
        claim=f"within four turns {due:.3f} of the talks are solved with hints, and {due_others:.3f} with those of "
        "other rows, as of four samples without a hint; the share of hints that give the answer away is found",
        refuted_by="a share of solved talks further than 0.03 from that (about 3,000 talks each: three standard "
        "errors), or talks of more than one turn solved less than 0.2 more often than with the hints of other rows "
        f"(the decisive control), or a share of leaks further than 0.03 from {LEAK} (3,000 hints: four such)",
        measured={
            "solved": solved,
            "solved_others": solved_others,
            "late": float(late),
            "late_others": float(late_others),
            "leaks": found,
        },
        held=bool(
            abs(solved - due) <= 0.03
            and abs(solved_others - due_others) <= 0.03
            and late - late_others >= 0.2
            and abs(found - LEAK) <= 0.03
        ),
        seeds=bench.seeds,
        mechanism=True,
    )


def _talks(bench: CheckBench, **knobs: object) -> pd.DataFrame:
    """About a thousand talks a seed, of a student who learns nothing, with `turn`, `leaks` and `correct`."""
    pool, student = bench.planted(RATES, rows=20, context=Hinted(gain=GAIN))
    seen: list = []
    bench.reinforce(
        bench.watch(language_feedback, seen),
        signal=("hint:text",),
        pool=pool,
        student=student,
        steps=4,
        batch_size=32,
        reference_models={"teacher": Script(Hint(right=1.0, leak=LEAK))},
        teacher="teacher",
        **knobs,
    )
    return pd.concat([request.rows for request in seen if isinstance(request, Train)])


def _solved(leak: float) -> float:
    """Share of talks solved within four turns, of which a share of the hints says nothing; worked out turn by turn."""
    shares = []
    for p in RATES.values():
        hinted_p = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + GAIN)))
        without, hinted = 1 - p, 0.0  # not solved so far, without and with a hint for the row
        for _ in range(3):
            without, hinted = leak * without * (1 - p), (hinted + (1 - leak) * without) * (1 - hinted_p)
        shares.append(1 - without - hinted)
    return float(np.mean(shares))
