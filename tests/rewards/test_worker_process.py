"""Text is never evaluated: what the judging program refuses, and what its scorers get instead."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from curriculab.rewards import verify, worker_process


def test_text_is_never_evaluated(tmp_path):
    code = f"__import__('pathlib').Path('{tmp_path}/touched').touch()"
    for text in (code, f"${code}$", rf"\boxed{{{code}}}", rf"\text{{{code}}}", f"#### {code}"):
        for task in (None, "math", "choice"):
            assert verify(text, "1", task) == 0
    assert not list(tmp_path.iterdir())
    for name in ("<string>", "<lambdifygenerated-1>"):
        with pytest.raises(PermissionError, match=f"^{name} would be evaluated$"):
            worker_process.refuse("compile", (b"1 + 1", name))
    worker_process.refuse("compile", (b"1 + 1", "<unknown>"))  # ast.parse
    for event in ("pickle.find_class", "os.system", "subprocess.Popen", "socket.connect"):
        with pytest.raises(PermissionError, match=f"^{event}$"):
            worker_process.refuse(event, ())


def test_the_package_calls_nothing_that_evaluates():
    for path in Path(worker_process.__file__).parent.rglob("*.py"):
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
    assert worker_process.literal(text) == value


def test_scorers_that_evaluate_get_expressions():
    import sympy

    x = sympy.Symbol("x")
    assert worker_process.expression("x**2*sin(x)/3") == x**2 * sympy.sin(x) / 3
    assert worker_process.expression("0.1234567890123456789") == sympy.Float("0.1234567890123456789")
    for text in ("x.__class__", "f(x)", "(lambda: 1)()", "[y for y in (1,)]", "'a'"):
        with pytest.raises(ValueError, match="^not arithmetic: "):
            worker_process.expression(text)
