"""Worked steps of the ladder's items, one a line, each of which can be checked by itself.

    solve 119*w - 48 = 1499   ->   <<1499+48=1547>>      arithmetic: the value behind "="
                                   <<1547/119=13>>
    reverse caaming tussocky  ->   tussocky -> ykcossut  a rewriting: the value behind "->"
                                   caaming -> gnimaac
                                   all -> ykcossut gnimaac

The value of the last step is the answer. `all` stands for the values above it, in their order. The steps follow from
the prompt alone, so that they can be added to a table that was made before (`python -m tools.make_ladder --solutions`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
RUN = 6  # words or numbers that are sorted at once; longer lists are merged from such runs

LEGS = {
    animal: legs
    for legs, animals in {
        0: "snake, sea slug, jellyfish, flatworm, leech",
        2: "chicken, bird, human, duck",
        4: "dog, cat, cow, horse, lion, elephant, giraffe, tiger, deer, sheep",
        5: "starfish",
        6: "insect, ant, butterfly, beetle, bee, wasp, grasshopper, cricket, cockroach, praying mantis, firefly",
        8: "spider, scorpion",
        10: "crab, lobster, shrimp",
        14: "woodlouse",
    }.items()
    for animal in animals.split(", ")
}


def worked(prompt: str, answer: str) -> str:
    """The steps of one item, one a line; the last line ends in the answer as it is written in the table."""
    command, text = prompt.split(" ", 1)
    lines = STEPS[command](text)
    if command in ("keep", "drop"):  # a few answers write 0 for the -0 of their prompt, or the other way round
        lines[-1] = f"kept -> {answer}"
    return "\n".join(lines)


# -- arithmetic -------------------------------------------------------------------------------------------------------
def computed(left: int, sign: str, right: int, value: int) -> str:
    return f"<<{left}{sign}{right}={value}>>"


def sums(terms: Sequence[int]) -> list[str]:
    """Running sums; a negative term is subtracted."""
    lines, total = [], terms[0]
    for term in terms[1:]:
        after = total + term
        lines.append(computed(total, "+" if term >= 0 else "-", abs(term), after))
        total = after
    return lines


def add_steps(text: str) -> list[str]:
    first, *rest = text.split(" ")
    signed = [f"{sign}{term}" for sign, term in zip(rest[::2], rest[1::2], strict=True)]
    lines, total = [], int(first)
    for term in signed:
        after = total + int(term)
        lines.append(computed(total, term[0], int(term[1:]), after))
        total = after
    return lines


def product_steps(text: str) -> list[str]:
    """By the digits of the second factor that are not 0, largest first, and their sums."""
    first, second = (int(factor) for factor in text.split(" * "))
    digits = str(second)
    parts = [int(digit) * 10 ** (len(digits) - 1 - place) for place, digit in enumerate(digits) if digit != "0"]
    values = [first * part for part in parts]
    return [computed(first, "*", part, value) for part, value in zip(parts, values, strict=True)] + sums(values)


def equation_steps(text: str) -> list[str]:
    """What stands beside the unknown goes to the right side; then its factor divides."""
    left, right = text.split(" = ")
    slope, constant, value = 0, 0, int(right)
    for sign, number, letter in re.findall(r"(-?) ?(\d*)\*?([a-z]?)(?: \+ | |$)", left.replace("- ", "-")):
        if letter:
            slope = int(f"{sign}{number or 1}")
        elif number:
            constant = int(f"{sign}{number}")
    lines = []
    if constant:
        sign = "-" if constant > 0 else "+"
        lines.append(computed(value, sign, abs(constant), value - constant))
        value -= constant
    if slope != 1 or not lines:
        lines.append(computed(value, "/", slope, value // slope))
    return lines


def legs_steps(text: str) -> list[str]:
    pairs = [part.split(" ", 1) for part in text.split(", ")]
    values = [int(count) * LEGS[animal] for count, animal in pairs]
    products = [computed(int(n), "*", LEGS[a], value) for (n, a), value in zip(pairs, values, strict=True)]
    return products + sums(values)


def base_steps(text: str) -> list[str]:
    """Digit by digit into a number, then by division into digits, the last of which comes first."""
    source, target, digits = re.fullmatch(r"(\d+) to (\d+): (\w+)", text).groups()
    lines, value = [], DIGITS.index(digits[0])
    if source == "10":
        value = int(digits)
    else:
        for digit in digits[1:]:
            after = value * int(source) + DIGITS.index(digit)
            lines.append(f"<<{value}*{source}+{DIGITS.index(digit)}={after}>>")
            value = after
    if target == "10":
        return lines
    written = ""
    while value:
        value, rest, before = *divmod(value, int(target)), value
        lines.append(f"{before} / {target} -> {value} rest {DIGITS[rest]}")
        written = DIGITS[rest] + written
    return [*lines, f"rests -> {written}"]


def fraction_steps(text: str) -> list[str]:
    """Numerator and denominator divided by each common prime factor in turn, smallest first."""
    above, below = (int(number) for number in text.split("/"))
    lines, factor = [], 2
    while factor <= min(above, below):
        if above % factor or below % factor:
            factor += 1
            continue
        lines.append(f"{above}/{below} -> {above // factor}/{below // factor}")
        above, below = above // factor, below // factor
    return lines


# -- lists and texts --------------------------------------------------------------------------------------------------
def together(lines: list[str], values: Sequence[str], between: str = " ") -> list[str]:
    """The lines, and one that puts several values together."""
    return lines if len(values) == 1 else [*lines, f"all -> {between.join(values)}"]


def reverse_steps(text: str) -> list[str]:
    words = text.split(" ")[::-1]
    return together([f"{word} -> {word[::-1]}" for word in words], [word[::-1] for word in words])


def caesar_steps(text: str) -> list[str]:
    rotation, *words = text.split(" ")
    shift = int(rotation) % 26
    clear = ["".join(chr((ord(letter) - 65 - shift) % 26 + 65) for letter in word) for word in words]
    lines = [f"{word} -> {plain}" for word, plain in zip(words, clear, strict=True)]
    lines = together(lines, clear)
    return lines if int(rotation) < 26 else [f"<<{rotation}%26={shift}>>", *lines]


def sorted_steps(text: str, key: Callable[[str], object] | None) -> list[str]:
    """Runs of `RUN` sorted, then merged two by two."""
    direction, *items = text.split(" ")
    down, lines, runs = direction == "down", [], []
    for start in range(0, len(items), RUN):
        run = items[start : start + RUN]
        runs.append(sorted(run, key=key, reverse=down))
        if len(run) > 1:
            lines.append(f"{' '.join(run)} -> {' '.join(runs[-1])}")
    while len(runs) > 1:
        merged = [sorted(sum(runs[k : k + 2], []), key=key, reverse=down) for k in range(0, len(runs), 2)]
        for k, run in enumerate(merged):
            if 2 * k + 1 < len(runs):  # a last run without a partner waits
                lines.append(f"{' '.join(runs[2 * k])} | {' '.join(runs[2 * k + 1])} -> {' '.join(run)}")
        runs = merged
    return lines


def filter_steps(text: str, verb: str) -> list[str]:
    """Each number beside the bound, and what is done with it; then those that are kept."""
    sign, bound, numbers = re.fullmatch(r"([<>]) (\S+): (.*)", text).groups()
    lines, kept = [], []
    for number in numbers.split(" "):
        x, y = float(number), float(bound)
        relation = "<" if x < y else ">" if x > y else "="
        if (relation == sign) == (verb == "keep"):
            kept.append(number)
        lines.append(f"{number} {relation} {bound} -> {'keep' if kept[-1:] == [number] else 'drop'}")
    return [*lines, f"kept -> {' '.join(kept)}"]


def spiral_steps(text: str) -> list[str]:
    """The sides in turn, from the outside to the inside."""
    grid = [list(row) for row in text.split("/")]
    sides = []
    while grid:
        sides.append((("top", "right", "bottom", "left")[len(sides) % 4], "".join(grid[0])))
        grid = [list(column) for column in zip(*grid[1:], strict=True)][::-1]  # the rest, turned to the left
    return together([f"{side} -> {digits}" for side, digits in sides], [digits for _, digits in sides], "")


STEPS: dict[str, Callable[[str], list[str]]] = {
    "add": add_steps,
    "product": product_steps,
    "solve": equation_steps,
    "reverse": reverse_steps,
    "sort": lambda text: sorted_steps(text, float),
    "base": base_steps,
    "keep": lambda text: filter_steps(text, "keep"),
    "drop": lambda text: filter_steps(text, "drop"),
    "caesar": caesar_steps,
    "order": lambda text: sorted_steps(text, None),
    "spiral": spiral_steps,
    "simplify": fraction_steps,
    "legs": legs_steps,
}
