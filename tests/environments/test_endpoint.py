"""An endpoint, asked on the loopback address by a server of the test's own."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

import curriculab as cl
from curriculab.bench.scripted import written
from curriculab.environments import Endpoint, Told, say, tell
from curriculab.protocol import Ask, Sample, Script
from tests.methods.made import make

KEY = "sk-not-to-be-seen-anywhere"


class Server(ThreadingHTTPServer):
    """Answers chats as `replies` says: in turn (status, headers, body), the last for ever; keeps what it got."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies, self.seen, self.wait = [], [], 0.0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("Authorization"), body))
        time.sleep(self.server.wait)
        replies = self.server.replies
        status, headers, answer = (replies.pop(0) if len(replies) > 1 else replies[0]) if replies else (200, {}, None)
        text = json.dumps(completion(f"to {body['messages'][-1]['content']}")) if answer is None else answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


def completion(text: str, **usage: int) -> dict:
    usage = usage or {"prompt_tokens": 11, "completion_tokens": 4}
    return {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": usage}


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("curriculab.environments.endpoint.sleep", lambda seconds: waited.append(seconds))
    waited.clear()
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, daemon=True)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


waited: list[float] = []


def asked(server: Server, rows=None, **how) -> list[str]:
    rows = make([1, 2]) if rows is None else rows
    return Endpoint(server.base_url, "small", **how)(rows, np.random.default_rng(0))


def test_each_row_is_one_chat_in_its_order(server):
    rows = make([1, 2, 3], prompt=["one", "two", "three"])
    texts = asked(server, rows, max_tokens=9, temperature=0.5)
    assert texts == ["to one", "to two", "to three"] and [text.generated for text in texts] == [4, 4, 4]
    path, key, body = server.seen[0]
    assert path == "/v1/chat/completions" and key == f"Bearer {KEY}"
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("small", 9, 0.5)
    assert len({sent["seed"] for _, _, sent in server.seen}) == 3
    assert not any("answer" in sent for _, _, sent in server.seen)


def test_turns_are_messages_of_either_side(server):
    rows = tell(say(make([1], prompt=["add"]), "7"), "are you sure?")
    asked(server, rows)
    messages = server.seen[0][2]["messages"]
    assert [(one["role"], one["content"]) for one in messages] == [
        ("user", "add"),
        ("assistant", "7"),
        ("user", "are you sure?"),
    ]


def test_a_busy_server_is_asked_again_and_waited_for(server):
    server.replies = [(503, {}, "busy"), (429, {"Retry-After": "3"}, "slow down"), (200, {}, None)]
    assert asked(server, make([1])) == ["to q"]
    assert waited == [0.5, 3.0] and len(server.seen) == 3


def test_after_the_last_try_it_says_where_and_why(server):
    server.replies = [(500, {}, f"the key {KEY} broke me")]
    with pytest.raises(RuntimeError) as error:
        asked(server, make([1]), retries=1)
    address = f"{server.base_url}/chat/completions"
    assert str(error.value) == (
        f"{address} gave no answer in 2 tries (status 500: the key *** broke me); look whether it runs, or raise "
        "timeout= or retries="
    )


def test_a_refusal_is_not_tried_again_and_shows_no_key(server):
    server.replies = [(401, {}, f"bad key {KEY}")]
    with pytest.raises(RuntimeError) as error:
        asked(server, make([1]))
    assert str(error.value).endswith(
        "refused a request for 'small' (status 401: bad key ***); is the key in OPENAI_API_KEY?"
    )
    assert len(server.seen) == 1 and not waited


def test_a_slow_server_times_out(server):
    server.wait = 0.6
    with pytest.raises(RuntimeError, match=r"gave no answer in 1 tries \(ReadTimeout within 0.1 s\)"):
        asked(server, make([1]), timeout=0.1, retries=0)


def test_nobody_there_is_one_line():
    with Server() as server:
        base_url = server.base_url
    with pytest.raises(RuntimeError, match=r"gave no answer in 1 tries \(ConnectError"):
        Endpoint(base_url, "small", retries=0)(make([1]), np.random.default_rng(0))


def test_what_is_no_completion_is_shown(server):
    server.replies = [(200, {}, "<html>hello")]
    with pytest.raises(RuntimeError, match="answered with no chat completion: <html>hello$"):
        asked(server, make([1]))


def test_without_a_count_bytes_are_counted(server):
    server.replies = [(200, {}, json.dumps({"choices": [{"message": {"content": "wörd"}}]}))]
    (text,) = asked(server, make([1]))
    assert text.generated == 5 and text.read == len(json.dumps(server.seen[0][2], separators=(",", ":")).encode())


def test_the_ledger_has_the_servers_tokens_and_no_record_the_key(server):
    def helped(pool, run):
        yield Sample(pool, 2, role="teacher", purpose="hint")

    teacher = Script(Endpoint(server.base_url, "small"))
    budget = cl.Budget(steps=1, max_total_tokens=10**6)
    runs = cl.simulate(helped, make([1, 2]), budget=budget, batch_size=2, reference_models={"teacher": teacher})
    (line,) = runs.ledger[runs.ledger.role == "teacher"].itertuples()
    assert (line.tokens, line.rollouts, line.generated, line.purpose) == (4 * (11 + 4), 4, 4 * 4, "hint")
    kept = pickle.dumps([(one.spec, one.tables) for one in runs.records])
    assert KEY.encode() not in kept + repr(teacher).encode() + teacher.digest().encode()


def test_what_each_row_read_is_the_servers_count_too(server):
    """Two answers to each of two rows: 11 tokens read and 4 written an answer."""
    ask = Ask(("a", 0), 1, 0, (0, 1, 0), Sample(make([1, 2]), 2, role="teacher"))
    answer = written(Script(Endpoint(server.base_url, "small")), "teacher", ask)
    assert answer.read.tolist() == [22, 22] and answer.tokens == 2 * 22 + 4 * 4


def test_the_digest_is_of_the_settings_and_not_of_the_key(server, monkeypatch):
    one, other = Script(Endpoint(server.base_url, "small")), Script(Endpoint(server.base_url, "large"))
    before = one.digest()
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    assert one.digest() == before != other.digest()


def test_told_texts_survive_a_pickle():
    text = pickle.loads(pickle.dumps(Told("a", 2, 3)))
    assert (text, text.read, text.generated) == ("a", 2, 3)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"base_url": "localhost"}, "base_url='localhost'"),
        ({"model": ""}, "model=''"),
        ({"timeout": 0}, "timeout=0"),
        ({"retries": -1}, "retries=-1"),
        ({"at_once": 0}, "at_once=0"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(how, why):
    with pytest.raises(ValueError, match=rf"^Endpoint\({why}\); give "):
        Endpoint(**{"base_url": "http://127.0.0.1:1/v1", "model": "small", **how})
