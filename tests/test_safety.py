"""Attacks that are tried and refused: pickles, code beside a model, answers that are code, names that climb.

Every attack would leave a mark, in a file or in what the interpreter's audit hook sees.
"""

from __future__ import annotations

import ast
import json
import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch

import curriculab as cl
from curriculab.bench.interventions import Event
from curriculab.engine.adapter import Adapter
from curriculab.engine.loading import load_model
from curriculab.registry.serialization import made
from curriculab.registry.writing import digest_of_bytes
from curriculab.rewards import VERIFIERS, verify
from curriculab.runs import Store
from tests import fuzz

RUNS_CODE = (
    "exec",
    "pickle.find_class",
    "os.system",
    "subprocess.Popen",
    "os.exec",
    "os.posix_spawn",
    "socket.connect",
)
_seen: list[str] = []
_watching = [False]


def _hook(event: str, arguments: tuple) -> None:
    if _watching[0] and event in RUNS_CODE:
        name = getattr(arguments[0], "co_filename", "")
        if event != "exec" or name in ("<string>", "<unknown>", "<stdin>"):
            _seen.append(f"{event} {arguments!r:.80}")


sys.addaudithook(_hook)  # a hook cannot be taken away again, only be told to look elsewhere


@contextmanager
def watched() -> Iterator[list[str]]:
    """What ran code out of a string or a pickle, or left this process, meanwhile."""
    _seen.clear()
    _watching[0] = True
    try:
        yield _seen
    finally:
        _watching[0] = False


class Evil:
    """Unpickling it writes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "the attack has worked"


@pytest.fixture(scope="module")
def model(tiny_folder):
    return load_model(str(tiny_folder), bits=32)


@pytest.fixture(scope="module")
def recorded(model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    fuzz.recorded(model, folder)
    return folder


def test_the_hook_sees_a_pickle_and_code_in_a_string(mark) -> None:
    with watched() as seen:
        pickle.loads(pickle.dumps(Evil(mark)))
        exec("pass")  # the control: what curriculab never does
    assert mark.exists() and {s.split()[0] for s in seen} == {"pickle.find_class", "exec"}


# -- pickles ----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("name", ["metrics.parquet", "items.parquet", "spec.json", "events.jsonl", "files.json"])
def test_a_pickle_in_a_recorded_run_is_never_opened(name, sealed, recorded, mark, tmp_path) -> None:
    store = tmp_path / "store"
    shutil.copytree(recorded, store)
    folder = next(p for p in sorted(store.glob("random-*")))
    (folder / name).write_bytes(pickle.dumps(Evil(mark)))
    if not sealed and name != "files.json":
        (folder / "files.json").unlink()
    with watched() as seen, pytest.warns(UserWarning, match=f"1 damaged run is left out of .*{folder.name}"):
        assert len(cl.load_runs(store).records) == 1
    with pytest.warns(UserWarning, match="is damaged .* set aside"):
        assert Store(store).load("random", folder.name.rpartition("-")[2]) is None
    assert not mark.exists() and not seen


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_model.bin"])
def test_a_pickle_in_place_of_an_adapter_is_never_opened(name, recorded, model, mark, tmp_path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    with (adapter / name).open("wb") as file:
        torch.save(Evil(mark), file)
    with watched() as seen, pytest.raises(Exception, match="[Hh]eader|No such file"):
        Adapter.load(model.layout, adapter, model.device)
    assert not mark.exists() and not seen


@pytest.mark.slow
def test_a_pickle_in_place_of_a_checkpoint_is_set_aside(model, mark, tmp_path) -> None:
    fuzz.cut_off(model, tmp_path / "store")
    for path in (tmp_path / "store").glob(".bench-*/checkpoint-*/adapters.safetensors"):
        path.write_bytes(pickle.dumps(Evil(mark)))
        state = path.with_name("state.json")
        sealed = json.loads(state.read_text())
        inside = json.loads(sealed["state"])
        inside["files"]["adapters.safetensors"] = digest_of_bytes(path.read_bytes())  # the attacker seals it, too
        text = json.dumps(inside)
        state.write_text(json.dumps({"state": text, "digest": digest_of_bytes(text.encode())}))
    with watched() as seen, pytest.warns(UserWarning, match="was set aside"):
        fuzz.recorded(model, tmp_path / "store")
    assert not mark.exists() and not [s for s in seen if "pickle" in s or "system" in s]


# -- models that bring code -------------------------------------------------------------------------------------------
def with_code(tiny: Path, folder: Path, mark: Path, kind: str) -> Path:
    """A model folder whose configuration asks for Python that lies beside it."""
    shutil.copytree(tiny, folder)
    evil = f"from pathlib import Path\nPath({str(mark)!r}).touch()\nclass Model:\n    pass\n"
    (folder / "evil.py").write_text(evil)
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoConfig": "evil.Model", "AutoModelForCausalLM": "evil.Model", "AutoTokenizer": ["evil.Model", None]}
    config["auto_map"] = code
    if kind == "unknown":
        config |= {"model_type": "evil", "architectures": ["Model"]}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**tokenizer, "auto_map": code}))
    return folder


def test_code_beside_a_known_model_is_not_run(tiny_folder, tmp_path, mark) -> None:
    loaded = load_model(str(with_code(tiny_folder, tmp_path / "known", mark, "known")), bits=32)
    assert type(loaded.base).__module__.startswith("transformers.") and not mark.exists()


def test_a_model_that_is_nothing_but_code_is_refused_in_one_line(tiny_folder, tmp_path, mark) -> None:
    with pytest.raises(ValueError, match="could not be loaded") as caught:
        load_model(str(with_code(tiny_folder, tmp_path / "unknown", mark, "unknown")), bits=32)
    assert "\n" not in str(caught.value) and not mark.exists()


def test_weights_that_are_a_pickle_are_refused(tiny_folder, tmp_path, mark) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_folder, folder)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    torch.save(Evil(mark), folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match="could not be loaded"):
        load_model(str(folder), bits=32)
    assert not mark.exists()


def test_a_checkpoint_cannot_name_code_to_run(mark) -> None:
    for what in (
        {"setting": "os:system", "fields": {"command": f"touch '{mark}'"}},
        {"setting": "curriculab.widgets.machine:main", "fields": {}},
        {"method": "__import__"},
        {"method": "controls"},
        {"setting": "curriculab.bench.session:shutil.rmtree", "fields": {}},
    ):
        with pytest.raises((ValueError, TypeError)):
            Event.of_json({"call": 1, "what": "swap", "variant": "a", "turns": {}, "to": what})
        with pytest.raises((ValueError, TypeError)):
            made(what)
    assert not mark.exists()


# -- answers that are code --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("task", [None, *(name for name in VERIFIERS if not name.endswith(":"))])
def test_an_answer_that_is_python_is_a_text(task, mark) -> None:
    attacks = (
        f"open({str(mark)!r}, 'w')",
        f"__import__('pathlib').Path({str(mark)!r}).touch()",
        "\\boxed{exit()}",
        "#### __import__('os').getpid()",
        "().__class__.__mro__",
        "7*6",
    )
    verify("1", "1", task)  # a worker is started
    with watched() as seen:
        rules = '[{"rule": "words", "n": 3000}]' if task in ("rules", "ifeval") else None  # these judge nothing without
        worth = [verify(text, "17", task, metadata=rules) for text in attacks]
    assert not any(worth) and not mark.exists() and not [s for s in seen if "exec" in s or "pickle" in s], seen


# -- names that climb -------------------------------------------------------------------------------------------------
NAMES = [
    "../../outside",
    "/etc/passwd",
    "..",
    ".",
    "a/b\\c",
    "\0",
    "",
    "x" * 500,
    ".bench-0123456789abcdef",
    "~root",
    "damaged-easy",
    "CON",
    "%2e%2e%2f",
    "line\nbreak",
    "<img src=x onerror=alert(1)>",
    "é/ü",
    "a.failed",
]


@pytest.mark.slow
def test_no_name_of_a_variant_climbs_out_of_the_store_and_every_run_is_found_again(model, tmp_path) -> None:
    train, test = cl.split(cl.load_pool("ladder", levels=[1, 2], n=60, seed=0), test=4, by="level", seed=0)
    store = tmp_path / "deep" / "in" / "store"
    bench = cl.Bench(
        model, train, test, budget=cl.Budget(steps=1), batch_size=2, max_new_tokens=2, store=store, valid=None
    )

    def first(pool, run, *, at):
        yield cl.Train(pool.iloc[[at]])

    variants = {name: partial(first, at=i) for i, name in enumerate(NAMES)}
    runs = bench.run(variants, seeds=1, progress=False)
    assert not runs.failed
    outside = [p for p in tmp_path.rglob("*") if not p.is_relative_to(store) and not store.is_relative_to(p)]
    assert not outside and all(p.parent == store for p in store.iterdir())
    assert sorted(cl.load_runs(store).variants) == sorted(NAMES)
    again = bench.run(variants, seeds=1, progress=False)
    assert [r.adapter for r in again.records] == [r.adapter for r in runs.records]


@pytest.mark.parametrize("name", ["../other", "/etc", "..", "a/b"])
def test_prune_and_show_take_no_path(name, recorded) -> None:
    from curriculab.runs.retention import entries, find

    with pytest.raises(ValueError):
        find(entries(recorded), name)


# -- the source -------------------------------------------------------------------------------------------------------
def test_nothing_here_loads_pickles_or_evaluates_text() -> None:
    home = Path(cl.__file__).parent
    for path in sorted(home.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                asked = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert name not in ("eval", "exec", "compile", "sympify", "pickle.load", "pickle.loads"), (path, name)
                assert name != "torch.load" or asked.get("weights_only") == "True", path
                assert asked.get("trust_remote_code", "False") == "False", path
                assert not name.endswith("np.load") or asked.get("allow_pickle", "False") == "False", path
