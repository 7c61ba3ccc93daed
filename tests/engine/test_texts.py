"""Rows as tokens: in the words of sixteen chat templates, in plain text, and with what was sampled between."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer, decoders, models
from transformers import ByT5Tokenizer, GenerationConfig, PreTrainedTokenizerFast

from curriculab.engine.loading import load_model
from curriculab.engine.recipe import Recipe
from curriculab.engine.template import with_template
from curriculab.engine.texts import TextEncoder, text_encoder
from curriculab.environments.turns import say, splice, tell
from curriculab.protocol import Piece
from tests.engine.templates import CHATML, IM, STYLES, Style, build

LONG = "be brief."
ONE = [{"role": "user", "content": "What is 2 + 3?"}, {"role": "assistant", "content": "5"}]
TWO = [*ONE, {"role": "user", "content": "And 30 + 12?"}, {"role": "assistant", "content": "The answer is 42."}]


def encoder(tokenizer, stops=(), *, chat: bool | None = True, **settings: object) -> TextEncoder:
    """What a model with this tokenizer renders rows by."""
    recipe = Recipe("a model", 32, "cpu", "float32", {}, chat=chat, **settings)
    numbers = [tokenizer.convert_tokens_to_ids(text) for text in stops]
    return text_encoder(
        tokenizer, with_template(recipe, tokenizer), 512, GenerationConfig(eos_token_id=numbers or None)
    )


def of(style: Style, system: str | None = None) -> TextEncoder:
    return encoder(style.tokenizer(), style.stops, system=system, template_kwargs=style.arguments)


def rows(messages: list[dict[str, str]]) -> pd.DataFrame:
    """A table of one row that says the same as these messages, all of the model's answers learned."""
    first, *others = messages
    table = pd.DataFrame({"prompt": [first["content"]], "answer": ["?"]}, index=pd.Index(["a"], name="id"))
    for message in others:
        table = tell(table, message["content"]) if message["role"] == "user" else say(table, message["content"])
    return table


def applied(style: Style, messages: list[dict[str, str]], system: str | None, **how: object) -> list[int]:
    before = [] if system is None else [{"role": "system", "content": system}]
    written = {"strftime_now('%B %d, %Y')": "'July 26, 2024'", "strftime_now('%Y-%m-%d')": "'2024-07-26'"}
    template = style.template
    for call, date in written.items():
        template = template.replace(call, date)
    how |= {"chat_template": template, "return_dict": False, **style.arguments}
    return style.tokenizer().apply_chat_template([*before, *messages], **how)


# -- as the template has it -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("system", [None, LONG], ids=["", "system"])
@pytest.mark.parametrize("messages", [ONE, TWO], ids=["one turn", "two turns"])
def test_a_conversation_is_what_apply_chat_template_makes_of_it(name, system, messages):
    style = STYLES[name]
    if system and not style.system:
        with pytest.raises(
            ValueError, match=r"^the chat template of 'a model' does not render system, user: System role"
        ):
            of(style, system)
        return
    model = of(style, system)
    (text,) = model.encode(rows(messages))
    expected = applied(style, messages, system)
    if name == "GLM-4":  # its answers end where the next message begins
        expected.append(model.tokenizer.convert_tokens_to_ids("<|user|>"))
    assert text.tokens.tolist() == expected
    assert model.prompt(messages[0]["content"]).tolist() == applied(style, ONE[:1], system, add_generation_prompt=True)
    assert model.lengths(rows(ONE).assign(answer="5"))["a"] == len(model.encode(rows(ONE))[0])


@pytest.mark.parametrize("name", STYLES)
def test_what_is_learned_is_all_behind_the_generation_prompt_up_to_the_end(name):
    style = STYLES[name]
    model = of(style)
    (text,) = model.encode(rows(ONE))
    place = int(np.argmax(text.learned))
    assert text.tokens[:place].tolist() == model.prompt(ONE[0]["content"]).tolist()
    learned = model.tokenizer.decode(text.tokens[text.learned], skip_special_tokens=False)
    before = "<|channel|>final<|message|>" if name == "GPT-OSS" else ""
    before = "<think>\n\n</think>\n\n" if name in ("Qwen3", "Qwen3 base") else before
    assert learned.replace(" ", "") == (before + "5" + style.end).replace(" ", "")
    assert int(text.tokens[text.learned][-1]) in model.ends


@pytest.mark.parametrize("name", STYLES)
def test_both_answers_of_two_turns_are_learned_with_one_end_each(name):
    style = STYLES[name]
    model = of(style)
    (text,) = model.encode(rows(TWO))
    border = np.flatnonzero(np.diff(text.learned.astype(int)) == -1)
    first = model.tokenizer.decode(
        text.tokens[: border[0] + 1][text.learned[: border[0] + 1]], skip_special_tokens=False
    )
    end = "<|end|>" if name == "GPT-OSS" else style.end
    assert first.replace(" ", "").removeprefix("<|channel|>final<|message|>") == ("5" + end).replace(" ", "")
    second = model.tokenizer.decode(
        text.tokens[border[0] + 1 :][text.learned[border[0] + 1 :]], skip_special_tokens=False
    )
    assert second.endswith("42." + style.end) or second.endswith("42. " + style.end.strip())


@pytest.mark.parametrize("name", STYLES)
def test_generation_stops_at_every_end(name):
    style = STYLES[name]
    model = of(style)
    number = model.tokenizer.convert_tokens_to_ids
    last = ["<|END_OF_TURN_TOKEN|>"] if name == "Command R7B" else [style.end.strip()]
    assert model.ends == {number(text) for text in [style.eos, *style.stops, *last]}


# -- what was sampled -------------------------------------------------------------------------------------------------
def sampled(model: TextEncoder, table: pd.DataFrame, text: str, end: bool) -> pd.DataFrame:
    """A row with an answer that was sampled behind its turns: tokens that no tokenizer would make of the text."""
    tokens = [int(t) for letter in text for t in model.cutter.inside([letter])[0]]
    if end:
        tokens.append(min(model.ends) if model.template is None else model.template.end_token)
    piece = Piece(text, learn=True, end=end, tokens=tuple(tokens))
    before = table["turns"] if "turns" in table else [()]
    return table.assign(turns=pd.Series([(*said, piece) for said in before], index=table.index, dtype=object))


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("end", [True, False], ids=["ended", "cut"])
def test_sampled_tokens_stay_behind_the_tokens_they_were_sampled_behind(name, end):
    model = of(STYLES[name], LONG if STYLES[name].system else None)
    table = rows(ONE[:1])
    context = model.prompt(ONE[0]["content"])
    table = sampled(model, table, "The answer", end)
    own = table["turns"].iloc[0][0].tokens
    (text,) = model.encode(table)
    assert text.tokens.tolist() == [*context, *own] and text.learned.sum() == len(own)
    asked = tell(table, "And 30 + 12?")
    context = model.context(ONE[0]["content"], None, asked["turns"].iloc[0])
    assert context[: len(text)].tolist() == text.tokens.tolist()
    table = sampled(model, asked, "42", True)
    (text,) = model.encode(table)
    assert text.tokens[: len(context)].tolist() == context.tolist()
    assert text.tokens[len(context) :].tolist() == list(table["turns"].iloc[0][-1].tokens)


@pytest.mark.parametrize("name", [n for n in STYLES if n not in ("GPT-OSS", "GLM-4")])
@pytest.mark.parametrize("end", [True, False], ids=["ended", "cut"])
def test_a_second_turn_renders_the_end_once(name, end):
    """Behind the words of the model stands what the template renders there; where it ended itself, without the end."""
    style = STYLES[name]
    model = of(style)
    table = tell(sampled(model, rows(ONE[:1]), "5", end), TWO[2]["content"])
    context = model.context(ONE[0]["content"], None, table["turns"].iloc[0])
    said = len(model.prompt(ONE[0]["content"])) + len(table["turns"].iloc[0][0].tokens)
    whole = applied(style, TWO[:3], None, add_generation_prompt=True)
    behind = whole[-(len(context) - said) :]
    assert context[said:].tolist() == behind
    stops = [t for t in whole if t == model.template.end_token]
    assert context.tolist().count(model.template.end_token) == len(stops)


def test_a_tools_result_goes_on_in_the_models_own_turn():
    model = of(STYLES["Qwen2.5"])
    table = sampled(model, rows(ONE[:1]), "2 + 3 =", end=False)
    table = say(splice(table, " 5\n"), "It is 5.")
    (text,) = model.encode(table)
    own = table["turns"].iloc[0][0].tokens
    expected = [*model.prompt(ONE[0]["content"]), *own, *model.tokens(" 5\n"), *model.tokens("It is 5.")]
    assert text.tokens.tolist() == [*expected, model.template.end_token]
    assert model.tokenizer.decode(text.tokens[text.learned]) == "2 + 3 =It is 5.<|im_end|>"


def test_an_answer_in_pieces_is_learned_where_it_says_so():
    model = of(STYLES["Qwen2.5"])
    table = say(splice(say(rows(ONE[:1]), "one ", end=False), "two "), "three")
    (text,) = model.encode(table)
    messages = [ONE[0], {"role": "assistant", "content": "one two three"}]
    assert text.tokens.tolist() == applied(STYLES["Qwen2.5"], messages, None)
    assert model.tokenizer.decode(text.tokens[text.learned]).replace(" ", "") == "onethree<|im_end|>"


@pytest.mark.parametrize("name", ["Qwen2.5", "Gemma", "Mistral"])
def test_two_messages_in_a_row_are_rendered_or_refused_as_the_template_does(name):
    model = of(STYLES[name])
    table = say(tell(tell(say(rows(ONE[:1]), "5"), "And"), "then?"), "6")
    if name != "Qwen2.5":
        with pytest.raises(
            ValueError, match="does not render user, assistant, user, user, assistant: .*must alternate"
        ):
            model.encode(table)
        return
    (text,) = model.encode(table)
    messages = [*ONE, *({"role": "user", "content": said} for said in ("And", "then?"))]
    assert text.tokens.tolist() == applied(STYLES[name], [*messages, {"role": "assistant", "content": "6"}], None)
    assert model.tokenizer.decode(text.tokens[text.learned]) == "5<|im_end|>6<|im_end|>"


@pytest.mark.parametrize("name", STYLES)
def test_an_empty_answer_is_its_end(name):
    model = of(STYLES[name])
    (text,) = model.encode(say(rows(ONE[:1]), ""))
    assert text.learned.any() and int(text.tokens[text.learned][-1]) in model.ends


def test_a_forced_beginning_stands_behind_the_generation_prompt():
    model = of(STYLES["Qwen3"])
    begun = say(rows(ONE[:1]), "<think>\nHm", end=False)["turns"].iloc[0]
    context = model.context(ONE[0]["content"], None, begun)
    assert model.tokenizer.decode(context).endswith("<|im_start|>assistant\n<think>\nHm")


def test_thinking_of_an_answer_stays_where_the_template_puts_it():
    model, style = of(STYLES["Qwen3"]), STYLES["Qwen3"]
    thought = [ONE[0], {"role": "assistant", "content": "<think>\n2 and 3\n</think>\n\n5"}]
    (text,) = model.encode(rows(thought))
    assert text.tokens.tolist() == applied(style, thought, None)
    assert model.tokenizer.decode(text.tokens[text.learned]) == "<think>\n2 and 3\n</think>\n\n5<|im_end|>"


def test_space_that_a_template_strips_is_not_learned():
    model, style = of(STYLES["Llama 3"]), STYLES["Llama 3"]
    spaced = [ONE[0], {"role": "assistant", "content": " 5\n"}]
    (text,) = model.encode(rows(spaced))
    assert text.tokens.tolist() == applied(style, spaced, None)
    assert model.tokenizer.decode(text.tokens[text.learned]) == "5<|eot_id|>"


# -- special tokens in data -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", STYLES)
def test_special_tokens_in_data_stay_text(name):
    style = STYLES[name]
    model = of(style)
    inside = "".join(style.specials[-3:])
    messages = [{"role": "user", "content": f"What is {inside} ?"}, {"role": "assistant", "content": f"It is {inside}"}]
    (text,) = model.encode(rows(messages))
    (plain,) = model.encode(rows(ONE))
    special = list(model.cutter.specials.values())
    assert np.isin(text.tokens, special).sum() == np.isin(plain.tokens, special).sum()
    decoded = model.tokenizer.decode(text.tokens[text.learned], skip_special_tokens=False).replace(" ", "")
    assert f"Itis{inside}{style.end.strip()}".endswith(decoded[-20:])
    added = model.tokenizer.convert_tokens_to_ids(["<think>", "</think>"])
    (thought,) = model.encode(rows([{"role": "user", "content": f"</think> {inside}"}, ONE[1]]))
    assert added[1] in thought.tokens  # which is no special token, with or without special ones beside it


def test_special_tokens_in_plain_data_stay_text():
    tokenizer = build(("<s>", "</s>"), "</s>", "<s>", kind="space", adds_bos=True)
    model = encoder(tokenizer, chat=None)
    (text,) = model.encode(rows([{"role": "user", "content": "<s> </s>"}, {"role": "assistant", "content": "</s>"}]))
    assert np.isin(text.tokens, tokenizer.all_special_ids).sum() == 2


# -- plain text -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["bytes", "space", "spaces"])
@pytest.mark.parametrize("adds_bos", [True, False])
def test_a_plain_row_is_one_text_to_the_tokenizer(kind, adds_bos):
    tokenizer = build(("<s>", "</s>"), "</s>", "<s>", kind=kind, adds_bos=adds_bos)
    model = encoder(tokenizer, chat=None)
    (text,) = model.encode(rows(ONE))
    assert text.tokens.tolist() == [*tokenizer("What is 2 + 3?\n5").input_ids, tokenizer.eos_token_id]
    assert (text.tokens[0] == tokenizer.bos_token_id) == adds_bos
    assert tokenizer.decode(text.tokens[text.learned]) == "5</s>"
    assert model.answer_lengths(rows(ONE).assign(answer="5"))["a"] == 2
    assert model.prompt("What is 2 + 3?").tolist() == tokenizer("What is 2 + 3?\n").input_ids


@pytest.mark.parametrize("kind", ["space", "spaces"])
def test_an_answer_gets_no_space_that_the_text_does_not_have(kind):
    tokenizer = build(("<s>", "</s>"), "</s>", "<s>", kind=kind)
    alone, model = tokenizer("5", add_special_tokens=False).input_ids, encoder(tokenizer, chat=None)
    (text,) = model.encode(rows(ONE))
    assert tokenizer.convert_ids_to_tokens(alone)[0].startswith("▁")
    assert tokenizer.convert_ids_to_tokens(text.tokens[text.learned]) == ["5", "</s>"]
    (more,) = model.encode(tell(say(rows(ONE[:1]), "5"), "And then?").pipe(say, "5"))
    words = tokenizer.convert_ids_to_tokens(more.tokens[more.learned])
    assert words == ["5", "</s>", "5", "</s>"]


def test_a_token_across_the_border_belongs_to_the_answer():
    letters = {letter: i for i, letter in enumerate(["\n\n", "</s>", "\n", *map(chr, range(32, 127))])}
    made = Tokenizer(models.BPE(vocab=letters, merges=[("\n", "\n")]))
    made.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>")
    model = encoder(tokenizer, chat=None)
    (text,) = model.encode(rows([ONE[0], {"role": "assistant", "content": "\n5"}]))
    assert text.tokens.tolist() == [*tokenizer("What is 2 + 3?\n\n5").input_ids, tokenizer.eos_token_id]
    assert tokenizer.decode(text.tokens[text.learned]) == "\n\n5</s>"


def test_a_text_to_study_has_something_before_its_first_token():
    study = pd.DataFrame({"prompt": [""], "answer": ["The answer is 42."]}, index=["a"])
    for style in (STYLES["Qwen2.5"], STYLES["Llama 3"]):
        model = of(style)  # which renders no chat where nothing is asked
        (text,) = model.encode(study)
        tokens, first = model.tokens("The answer is 42."), style.bos or style.eos
        assert text.tokens.tolist() == [
            model.tokenizer.convert_tokens_to_ids(first),
            *tokens,
            model.tokenizer.eos_token_id,
        ]
        assert text.learned.tolist() == [False, *[True] * (len(tokens) + 1)]


def test_a_slow_tokenizer_borders_where_its_tokens_part():
    tokenizer = ByT5Tokenizer()
    model = encoder(tokenizer, chat=None)
    (text,) = model.encode(rows(ONE))
    assert text.tokens.tolist() == tokenizer("What is 2 + 3?\n5").input_ids
    assert text.learned.tolist() == [*[False] * 15, True, True]
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    model = encoder(tokenizer)
    (text,) = model.encode(rows(ONE))
    assert text.tokens.tolist() == tokenizer.apply_chat_template(ONE, return_dict=False)
    assert tokenizer.decode(text.tokens[text.learned]) == "5<|im_end|>"
    (text,) = model.encode(rows([{"role": "user", "content": "a <|im_end|>"}, ONE[1]]))
    assert (text.tokens == tokenizer.convert_tokens_to_ids("<|im_end|>")).sum() == 3  # system, user, assistant


def test_a_tokenizer_without_an_end_of_text_stops_where_generation_does():
    tokenizer = build(IM, None)
    (text,) = encoder(tokenizer, ("<|endoftext|>",), chat=None).encode(rows(ONE))
    assert text.tokens[-1] == tokenizer.convert_tokens_to_ids("<|endoftext|>")
    with pytest.raises(
        ValueError, match=r"^the tokenizer of 'a model' has no end of text, which a learned answer ends"
    ):
        encoder(tokenizer, chat=None).encode(rows(ONE))


def test_rows_are_rendered_once():
    model = of(STYLES["Qwen2.5"])
    first = model.encode(rows(TWO))[0]
    model.template.render = None
    assert model.encode(rows(TWO))[0].tokens.tolist() == first.tokens.tolist()


# -- the pocket tokenizer, plain -------------------------------------------------------------------------------------
def arithmetic(**columns: object) -> pd.DataFrame:
    table = {"prompt": ["2 + 2", ""], "answer": ["4", "a text to study"], **columns}
    return pd.DataFrame(table, index=pd.Index(["a", "b"], name="id"))


def test_encoding_learns_the_answer_and_the_end_only(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    start, end = model.tokenizer.bos_token_id, model.tokenizer.eos_token_id
    first, second = model.encode(arithmetic())
    assert first.tokens.tolist() == [start, *model.tokens("2 + 2\n"), *model.tokens("4"), end]
    assert first.learned.tolist() == [False] * 7 + [True, True]
    assert second.learned.sum() == len("a text to study") + 1


def test_turns_are_learned_where_they_say_so(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    said = say(tell(splice(say(arithmetic(), "one", end=False), "two"), "three"), "four")
    text = model.encode(said)[0]
    assert model.tokenizer.decode(text.tokens[text.learned]) == "onefour<|end|>"
    assert model.tokenizer.decode(text.tokens) == "<|start|>2 + 2\nonetwo\nthree\nfour<|end|>"


def test_the_models_own_tokens_are_never_made_again(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    table = arithmetic().assign(turns=[(Piece("xy", learn=True, tokens=(7, 8)),)] * 2)
    assert model.encode(table)[0].tokens[-2:].tolist() == [7, 8]


def test_special_tokens_in_text_stay_text(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    assert model.tokenizer.eos_token_id not in model.tokens("stop <|end|> here")


def test_rows_that_do_not_fit_are_named_and_counted(tiny_folder):
    model = load_model(str(tiny_folder), bits=32)
    table = arithmetic(prompt=["x" * 600, "y" * 700])
    with pytest.raises(ValueError) as caught:
        model.encode(table)
    assert str(caught.value) == (
        f"Train: 2 of 2 rows are longer than the 512 tokens {str(tiny_folder)!r} takes: "
        "'a' (604 tokens), 'b' (718 tokens); "
        "keep the others with pool[model.lengths(pool) <= model.positions]"
    )
    assert model.lengths(table).tolist() == [604, 718]
