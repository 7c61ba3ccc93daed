"""The chat template of a loaded model: when it is used, what it is told, what is recorded, and where answers end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from transformers import AutoTokenizer

from curriculab.data.conversations import written
from curriculab.engine.generation import Prompt, write
from curriculab.engine.loading import load_model, load_recorded
from tests.engine.loaded import in_memory, refused

CHAT = (
    "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|pad|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% if thinking is defined %}{{ thinking }}{% endif %}{% endif %}"
)
DATED = "{{ strftime_now('%d %B %Y') }}" + CHAT


@pytest.fixture
def chatting(tiny_folder, tmp_path) -> Callable[..., Path]:
    """chatting(template): the tiny model whose tokenizer has a chat template, which ends answers with "<|pad|>"."""

    def save(template: str = CHAT, name: str = "instruct") -> Path:
        folder = shutil.copytree(tiny_folder, tmp_path / name)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.chat_template, tokenizer.split_special_tokens = template, False
        tokenizer.save_pretrained(folder)
        return folder

    return save


def test_a_model_with_a_chat_template_chats_and_says_so_once(chatting, capsys):
    folder = str(chatting())
    model = load_model(folder, bits=32)
    said = capsys.readouterr().out
    assert said == f"{folder}: rows are rendered through its chat template; chat=False renders them as plain text\n"
    assert model.chat and load_model(folder, bits=32) is model and load_model(folder, bits=32, chat=True) is model
    assert model.tokenizer.decode(model.prompt("2 + 2")) == "<|start|>user\n2 + 2<|pad|><|start|>assistant\n"
    plain = load_model(folder, bits=32, chat=False)
    assert plain.tokenizer.decode(plain.prompt("2 + 2")) == "<|start|>2 + 2\n"
    assert load_model(folder, bits=32).chat and capsys.readouterr().out == ""


SAID = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?<|pad|>"}]
SAID += [{"role": "assistant", "content": "2"}, {"role": "user", "content": "And 2 + 2?"}]


def test_a_row_that_is_a_conversation_is_rendered_as_its_messages(chatting, capsys):
    """What the tokenizer itself renders of the messages; special tokens in them are text, and options go last."""
    folder = str(chatting())
    model = load_model(folder, bits=32, system="Be long.")
    asked = written([(m["role"], m["content"]) for m in SAID])
    expected = model.tokenizer.apply_chat_template(SAID, tokenize=False, add_generation_prompt=True)
    assert model.tokenizer.decode(model.prompt(asked)) == expected
    end = model.tokenizer.convert_tokens_to_ids("<|pad|>")
    assert (model.prompt(asked) == end).sum() == len(SAID)  # not the one that the user wrote
    with_options = [*SAID[:-1], {"role": "user", "content": "And 2 + 2?\nA) 4\nB) 5"}]
    expected = model.tokenizer.apply_chat_template(with_options, tokenize=False, add_generation_prompt=True)
    assert model.tokenizer.decode(model.prompt(asked, ["4", "5"])) == expected
    alone = model.tokenizer.decode(model.prompt("2 + 2"))
    assert alone.startswith("<|start|>system\nBe long.<|pad|><|start|>user")  # without one of its own: the model's


def test_the_answer_of_a_conversation_is_learned_and_nothing_before_it(chatting):
    model = load_model(str(chatting()), bits=32)
    rows = pd.DataFrame({"prompt": [written([(m["role"], m["content"]) for m in SAID])], "answer": ["4"]}, ["x"])
    (text,) = model.encode(rows)
    assert model.tokenizer.decode(text.tokens[text.learned]) == "4<|pad|>"
    whole = model.tokenizer.apply_chat_template([*SAID, {"role": "assistant", "content": "4"}], tokenize=False)
    assert model.tokenizer.decode(text.tokens) == whole


def test_a_model_without_a_template_reads_a_conversation_in_plain_words(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    asked = model.prompt(written([(m["role"], m["content"]) for m in SAID]))
    plain = "Be brief.\n\nUser: 1 + 1?<|pad|>\nAssistant: 2\nUser: And 2 + 2?\nAssistant:\n"
    assert model.tokenizer.decode(asked).removeprefix("<|start|>") == plain


def test_the_pocket_model_stays_plain(capsys):
    assert not load_model("pocket", bits=32, device="cpu").chat and capsys.readouterr().out == ""


def test_the_digest_follows_the_template_and_its_arguments(chatting, tiny_folder):
    def digest(template: str = CHAT, **settings: object) -> str:
        base, tokenizer = in_memory(tiny_folder)
        tokenizer.chat_template = template
        model = load_model(base, tokenizer=tokenizer, **{"chat": True, **settings})
        model.contents = "the same"
        return model.digest()

    settings = [{}, {"system": "Be brief."}, {"system": "Be long."}, {"template_kwargs": {"thinking": "no"}}]
    settings += [{"template_kwargs": {"thinking": "yes"}}, {"template": DATED}, {"chat": False}]
    settings += [{"template": DATED, "template_kwargs": {"date_string": "29 Nov 2026"}}]
    assert len({digest(**given) for given in settings}) == len(settings)
    assert digest() == digest() and digest(chat=False) == digest(DATED, chat=False)


def test_the_date_stands_still_and_is_recorded(chatting):
    folder = str(chatting(DATED))
    model = load_model(folder, bits=32)
    assert model.tokenizer.decode(model.prompt("2 + 2")).startswith("26 July 2024<|start|>user")
    assert model.record()["template_kwargs"] == {"date_string": "26 Jul 2024"}
    for given, shown in {"2026-11-29": "29 November 2026", "some day": "some day"}.items():
        later = load_model(folder, bits=32, template_kwargs={"date_string": given})
        assert later.tokenizer.decode(later.prompt("2 + 2")).startswith(f"{shown}<|start|>user")


def test_a_record_holds_how_rows_are_rendered(chatting):
    folder = str(chatting())
    model = load_model(folder, bits=32, system="Be brief.", template_kwargs={"thinking": "no"})
    record, prompt, digest = json.loads(json.dumps(model.record())), model.prompt("2 + 2"), model.digest()
    assert model.tokenizer.decode(prompt) == (
        "<|start|>system\nBe brief.<|pad|><|start|>user\n2 + 2<|pad|><|start|>assistant\nno"
    )
    assert (record["chat"], record["system"], record["template_kwargs"]) == (True, "Be brief.", {"thinking": "no"})
    load_model("pocket", bits=32, device="cpu")
    again = load_recorded(record)
    assert again.digest() == digest and again.prompt("2 + 2").tolist() == prompt.tolist()


def test_what_a_template_does_not_do_is_said_at_load(chatting, tiny_folder):
    folder, no_system = str(chatting()), "{{ raise_exception('no system') if messages[0].role == 'system' }}" + CHAT
    deaf = "{% for m in messages if m.role != 'system' %}{{ m.content }}<|pad|>{% endfor %}"
    told = {"system": "Be brief."}
    assert refused(name_or_model=str(tiny_folder), chat=True) == (
        f"chat=True, and the tokenizer of {str(tiny_folder)!r} has no chat template; leave chat out for plain text"
    )
    assert refused(name_or_model=str(tiny_folder), **told) == (
        f"system='Be brief.' is read by a chat template, and the tokenizer of {str(tiny_folder)!r} has none; "
        "leave it out"
    )
    assert refused(name_or_model=folder, chat=False, template_kwargs={"thinking": "no"}) == (
        "template_kwargs={'thinking': 'no'} is read by a chat template, and chat=False; leave it out"
    )
    assert refused(name_or_model=folder, template_kwargs={"enable_thinking": False}) == (
        f"the chat template of {folder!r} reads no 'enable_thinking'; leave it out of template_kwargs"
    )
    assert refused(name_or_model=folder, template_kwargs={"tokenize": True}) == (
        "template_kwargs={'tokenize': ...} is no variable of the template; leave it out"
    )
    assert refused(name_or_model=folder, template_kwargs={"thinking": print}).startswith(
        "template_kwargs={'thinking': <b"
    )
    refuses = str(chatting(no_system, "refuses"))
    assert refused(name_or_model=refuses, **told) == (
        f"the chat template of {refuses!r} does not render system, user: no system"
    )
    leaves = str(chatting(deaf, "deaf"))
    assert refused(name_or_model=leaves, **told) == (
        f"the chat template of {leaves!r} leaves the system message out; leave system= out"
    )
    hides = str(chatting("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}", "hides"))
    assert refused(name_or_model=hides) == f"the chat template of {hides!r} does not render answers as they are"


def test_an_answer_ends_at_every_end_that_is_known(chatting):
    """The tokenizer's end of text, the template's, and all that the generation configuration names."""
    folder = chatting()
    configuration = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**configuration, "eos_token_id": [258, 300]}))
    model = load_model(str(folder), bits=32)
    assert model.texts.ends == {256, 258, 300}
    with torch.no_grad():
        model.base.get_output_embeddings().weight.zero_()  # every token is as likely as any other
    prompts = [Prompt(model.prompt(str(i)), None, 1, 1.0, 400, (), (0, i)) for i in range(40)]
    answers = [answer for (answer,) in write(model, prompts)]
    last = {answer.tokens[-1] for answer in answers if answer.ended == "eos"}
    assert last == {256, 258, 300}
    assert not any(set(answer.tokens[:-1]) & last for answer in answers)
