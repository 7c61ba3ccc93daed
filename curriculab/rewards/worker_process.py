"""The program behind a `Judge`: it judges model text in children that can be killed.

Run by path, `python -P worker_process.py math`, and never on the package's own path. It reads one request a line and
writes one reply a line, JSON over pipes. It imports and warms up once, then forks a child that judges; a child that
takes too long is killed by the parent's signal and the next fork is there in milliseconds, its imports and parser
tables as warm as at the start. It ends with its parent: idle at the end of its input, busy at an alarm. Nothing here
evaluates text: string code, pickles, processes and connections are refused in the child.
"""

from __future__ import annotations

import ast
import json
import operator
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

try:
    import resource
except ImportError:  # Windows: the parent refuses before it starts this program
    resource = None

SECONDS = 3.0  # of processor time for one judgement, after which the child ends; the parent may give another
MEMORY = 512 << 20  # bytes a child may take beyond what its imports took
GROWN = 128 << 20  # bytes beyond which it makes room for a new one after the judgement
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes that ru_maxrss counts in


def main(kind: str) -> None:
    """Import, warm up, then fork one child after the other until one of them finds the input closed."""
    replies = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whatever the packages print
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a keyboard's interrupt is the parent's business
    try:
        judge, names = {"math": math_judge, "gym": gym_judge}[kind]()
    except Exception as error:
        os.write(replies, json.dumps({"broken": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        return
    child, lost = 0, ""

    def kill(number: int, frame: object) -> None:
        if child:
            os.kill(child, signal.SIGKILL)
        if number == signal.SIGTERM:
            os._exit(1)

    signal.signal(signal.SIGUSR1, kill)
    signal.signal(signal.SIGTERM, kill)
    while True:
        child = os.fork()
        if child == 0:
            try:
                serve(judge, names, replies, lost)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        child = 0
        if status == 0:
            return
        lost = "time" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF else "crash"


def serve(judge: Callable[[dict[str, Any]], float], names: list[str], replies: int, lost: str) -> None:
    """The child: what it finds in the pipe was meant for one before it; then a reply for every line.

    lost: why the child before this one ended, "time" or "crash".
    """
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    confine()
    os.set_blocking(0, False)
    try:
        while os.read(0, 65536):
            pass
        os._exit(0)
    except BlockingIOError:
        os.set_blocking(0, True)
    os.write(replies, json.dumps({"ready": names, "lost": lost}).encode() + b"\n")
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for line in os.fdopen(0, "rb"):
        reply: dict[str, Any] = {}
        before = len(REFUSALS)
        try:
            request = json.loads(line)
            reply = {"id": request["id"]}
            # Processor time, so that a busy machine changes no verdict; the signal's default action ends the child.
            signal.setitimer(signal.ITIMER_PROF, request.get("seconds", SECONDS))
            reply["score"] = judge(request)
        except Exception as error:
            reply["failed"] = type(error).__name__
        signal.setitimer(signal.ITIMER_PROF, 0)
        if len(REFUSALS) > before:
            reply["refused"] = REFUSALS[-1]
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began) * UNIT > GROWN
        os.write(replies, json.dumps({**reply, "last": True} if grown else reply).encode() + b"\n")
        if grown:
            os._exit(2)
    os._exit(0)


def confine() -> None:
    """Bound the child's memory, forbid it to write files, and refuse what no judgement needs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:
            most = int(file.read().split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sys.addaudithook(refuse)


REFUSED = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "pickle.find_class",
)


REFUSALS: list[str] = []  # what was refused in this child, which sympy may swallow and a verdict be wrong for


def refuse(event: str, details: tuple[Any, ...]) -> None:
    """An audit hook: code made of strings is compiled as "<string>" and the like, modules under their path."""
    if event == "compile":
        name = str(details[1])
        if name.startswith("<") and name != "<unknown>" and not sympys_own():  # ast.parse, which runs nothing
            REFUSALS.append(name)
            raise PermissionError(f"{name} would be evaluated")
    elif event in REFUSED:
        REFUSALS.append(event)
        raise PermissionError(event)


# Where sympy makes functions by exec, from templates of its own that hold a number of variables and no text.
GENERATORS = {("polys/monomials.py", "_build")}


def sympys_own() -> bool:
    """Whether the code that is being compiled comes from one of sympy's own generators."""
    frame = sys._getframe(2)
    file, name = frame.f_code.co_filename.replace(os.sep, "/"), frame.f_code.co_name
    return any(file.endswith(f"/sympy/{path}") and name == made for path, made in GENERATORS)


# -- math answers -----------------------------------------------------------------------------------------------------
WARM = (
    (r"\frac{1}{2}", "0.5"),
    (r"\frac{3\sqrt{2}}{2}", r"\frac{3}{\sqrt 2}"),
    (r"\{1,2,3\}", r"\{3, 2, 1\}"),
    ("(1,2]", "[1, 2]"),
    (r"(-\infty, 2) \cup [3, \infty)", r"(-\infty,2)\cup(3,\infty)"),
    (r"90^\circ", "x = 90"),
    (r"12\text{ cm}", r"12.5\,\text{cm}"),
    ("x^2+2x+1", "(x+1)^2"),
    (r"2\pi r", r"\frac{4 \pi r}{2}"),
    ("50", r"50\%"),
    (r"\text{Evelyn}", r"\text{Bob}"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{bmatrix}1\\3\end{bmatrix}"),
    ("y = 2x + 1", "y=1+2x"),
    (r"3 \le x < 5", "x > 3"),
    ("2^{10}", "1024"),
    ("3 + 4i", "4i+3"),
    (r"\log_2 8", "3"),
    (r"\sin^2 x + \cos^2 x", "1"),
    (r"x \in [1,2]", "[1,2]"),
    ("a^2 - b^2", "(a-b)(a+b)"),
    ("5!", "120"),
    ("1,2", "2,1"),
    (r"(1, \frac{3}{4})", "(1,0.75)"),
    (r"\frac{1}{1+\frac{1}{3}}", "0.75"),
    (r"\pm 2", "2, -2"),
)


def math_judge() -> tuple[Callable[[dict[str, Any]], float], list[str]]:
    """math-verify with its LaTeX extraction only (the plain one evaluates text) and without its alarms.

    The LaTeX parser hands its number tokens to sympify, which evaluates them too: they are read by `expression`. Its
    comparison of numbers, which rounds to six places, is `same_numbers` here.
    """
    import dataclasses
    import logging

    logging.disable(logging.CRITICAL)
    import math_verify.grader
    import sympy
    from math_verify import LatexExtractionConfig, parse, verify

    sympy.parsing.sympy_parser.parse_expr = expression
    tolerance = TOLERANCE

    def numeric(a: Any, b: Any, float_rounding: int, numeric_precision: int) -> bool:
        return same_numbers(a, b, tolerance)

    math_verify.grader.sympy_numeric_eq = numeric

    reading = LatexExtractionConfig()  # it takes "s" and "m" behind a blank for units, in "r - s" too
    plain = dataclasses.replace(reading.normalization_config, units=False)
    reading = dataclasses.replace(reading, normalization_config=plain)

    def read(text: str) -> list[Any]:
        text = text.replace("\\$", "").rstrip(". ")
        marked = any(mark in text for mark in ("$", "\\(", "\\[", "\\boxed"))
        return parse(text if marked else f"${text}$", [reading], parsing_timeout=None)

    def judge(request: dict[str, Any]) -> float:
        nonlocal tolerance
        tolerance = request.get("tolerance", TOLERANCE)
        gold, said = read(request["gold"]), read(request["said"])
        how = {"timeout_seconds": None, "allow_set_relation_comp": True}
        return float(bool(gold and said) and verify(gold, said, **how))

    for gold, said in WARM:
        judge({"gold": gold, "said": said})
    return judge, []


TOLERANCE = 1e-12  # relative, between a value and a decimal number; the parent may give another
DIGITS = 30  # of the values that are compared
MOST_OPERATIONS = 400  # of an expression whose value is worked out in numbers


def same_numbers(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two values of sympy are the same number: fractions exactly, all else to a relative tolerance."""
    import sympy
    from math_verify.grader import get_pct_val, safe_sympy_doit

    if isinstance(a, sympy.MatrixBase | sympy.MatrixExpr) or isinstance(b, sympy.MatrixBase | sympy.MatrixExpr):
        a, b = safe_sympy_doit(a), safe_sympy_doit(b)
        if not isinstance(a, sympy.MatrixBase) or not isinstance(b, sympy.MatrixBase) or a.shape != b.shape:
            return False
        return all(same_numbers(x, y, tolerance) for x, y in zip(a.flat(), b.flat(), strict=True))
    without = get_pct_val(a, a), get_pct_val(b, b)
    if without != (a, b) and all(isinstance(v, sympy.Number) for v in without) and without[0] == without[1]:
        return True  # 9% and 9
    a, b = (exact(safe_sympy_doit(v)) for v in (a, b))
    if a.free_symbols or b.free_symbols:
        return False
    if isinstance(a, sympy.Rational) and isinstance(b, sympy.Rational):
        near = tolerance and abs(a - b) <= sympy.Rational(tolerance) * max(abs(a), abs(b))
        return a == b or bool(near and (tolerance > TOLERANCE))
    if a.count_ops() + b.count_ops() > MOST_OPERATIONS:
        return False
    x, y = a.evalf(DIGITS), b.evalf(DIGITS)
    if not (x.is_number and y.is_number) or x.has(sympy.nan, sympy.zoo) or y.has(sympy.nan, sympy.zoo):
        return False
    if not x.is_finite or not y.is_finite:
        return bool(x == y)
    return bool(abs(x - y) <= tolerance * max(abs(x), abs(y)))


def exact(value: Any) -> Any:
    """A value with its decimal numbers as the fractions that they were written as."""
    import sympy

    if not value.has(sympy.Float):
        return value
    return value.xreplace({f: sympy.Rational(str(f)) for f in value.atoms(sympy.Float)})


# -- Reasoning Gym ----------------------------------------------------------------------------------------------------
def gym_judge() -> tuple[Callable[[dict[str, Any]], float], list[str]]:
    """The score_answer of every task of reasoning-gym under its default settings.

    Some of them evaluate the answer, by eval or parse_expr: both are replaced, there and in sympy.
    """
    import logging

    logging.disable(logging.CRITICAL)
    import reasoning_gym
    import sympy
    from reasoning_gym.factory import DATASETS

    sympy.parse_expr = sympy.parsing.sympy_parser.parse_expr = expression
    for name, module in list(sys.modules.items()):
        if name.startswith("reasoning_gym"):
            module.eval = literal
            if "parse_expr" in vars(module) and module.parse_expr.__module__.startswith("sympy"):
                module.parse_expr = expression
    names = sorted(set(DATASETS) - {"composite"})  # which has no scorer of its own: its rows name their source
    scorers = {name: reasoning_gym.get_score_answer_fn(name) for name in names}

    def judge(request: dict[str, Any]) -> float:
        metadata = json.loads(request["metadata"] or "{}")
        name = metadata["source_dataset"] if request["name"] == "composite" else request["name"]
        gold = None if request["gold"] == "None" else request["gold"]  # tasks with many right answers give none
        return float(scorers[name](request["said"], {"question": "", "answer": gold, "metadata": metadata}))

    return judge, [*names, "composite"]


OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.Invert: operator.invert,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS = (
    "sqrt",
    "exp",
    "log",
    "ln",
    "Abs",
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
)


DECIMAL = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)\s*\Z", re.ASCII)


def literal(text: str) -> Any:
    """What eval is asked for in scorers: a Python literal, or arithmetic on numbers."""
    try:
        return ast.literal_eval(text)
    except ValueError:
        return walk(ast.parse(text.strip(), mode="eval").body, lambda value: value, {})


def expression(text: str, local_dict: dict[str, Any] | None = None, **_: object) -> Any:
    """What sympy's parse_expr is asked for: numbers, symbols, arithmetic and the common functions."""
    import sympy

    if DECIMAL.match(text):
        return sympy.Float(text) if "." in text else sympy.Integer(text)
    known = {name: getattr(sympy, name) for name in FUNCTIONS} | {"pi": sympy.pi, "E": sympy.E, "I": sympy.I}
    tree = ast.parse(text.strip(), mode="eval").body
    return walk(
        tree,
        lambda value: sympy.Integer(value) if isinstance(value, int) else sympy.Float(value),
        known | (local_dict or {}),
        sympy.Symbol,
    )


def walk(
    node: ast.AST,
    number: Callable[[Any], Any],
    names: dict[str, Any],
    symbol: Callable[[str], Any] | None = None,
) -> Any:
    """The value of an arithmetic tree; ValueError at anything that is not arithmetic."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return number(value)
        case ast.BinOp(left, op, right):
            return OPERATORS[type(op)](walk(left, number, names, symbol), walk(right, number, names, symbol))
        case ast.UnaryOp(op, operand) if type(op) in OPERATORS:
            return OPERATORS[type(op)](walk(operand, number, names, symbol))
        case ast.Name(name) if name in names:
            return names[name]
        case ast.Name(name) if symbol is not None:
            return symbol(name)
        case ast.Call(ast.Name(name), [argument], []) if name in FUNCTIONS and name in names:
            return names[name](walk(argument, number, names, symbol))
    raise ValueError(f"not arithmetic: {type(node).__name__}")


if __name__ == "__main__":
    main(sys.argv[1])
