"""One definition a measure: a score a row, always higher = harder, under the decorator `@measure`.

text: labels and texts; tokens: a tokenizer; forward: one forward of a model; rollouts: sampled answers; dynamics:
recorded runs; propagated: learned from rows that were tried; judged: what a model says. A new measure is a function in
the file of its kind, or a file of its own; `cl.difficulty` finds it by its name. Another package adds measures through
the entry points "curriculab.measures".
"""

__all__: list[str] = []


def __dir__() -> list[str]:
    return __all__
