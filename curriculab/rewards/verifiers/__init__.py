"""One file a verifier: how a text is compared with the right answer of one kind of task.

Each is a function `name(text, reference) -> float in [0, 1]` under `@verifier("task")`; rewards/verification.py calls
the one that a row's task names. A task name that ends in ":" serves all tasks that begin with it. Another package adds
a verifier through the entry points "curriculab.verifiers".
"""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
