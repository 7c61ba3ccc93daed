"""Conversations as a tokenizer's chat template renders them: where answers begin, what ends them, which date it is.

What ends an answer is found by rendering a conversation whose answer is a mark: behind it Qwen's template writes
"<|im_end|>\\n", Gemma's "<end_of_turn>\\n", Phi's "<|end|>\\n", whatever the tokenizer calls its end of text.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import accumulate, pairwise
from os.path import commonprefix

from curriculab.engine.borders import Cutter
from curriculab.engine.recipe import Recipe

DATE = "26 Jul 2024"  # for templates that ask for today's: Llama 3's own, where it is given none
DATES = ("%d %b %Y", "%d %B %Y", "%B %d, %Y", "%b %d, %Y", "%Y-%m-%d")  # how a date_string may be written

# What templates write of a date, and Jinja that writes it: the function that they call, in place of transformers' own.
CODES = ("%-d", "%-m", "%d", "%e", "%m", "%b", "%B", "%y", "%Y", "%a", "%A", "%j", "%F", "%H", "%M", "%S", "%I", "%p")
CLOCK = (
    "{{%- macro strftime_now(form) -%}}{{%- set clock = namespace(text={form}) -%}}{{%- for code, text in {pairs} -%}}"
    "{{%- set clock.text = clock.text.replace(code, text) -%}}{{%- endfor -%}}{{{{- clock.text -}}}}{{%- endmacro %}}"
    "{{{{- '' }}}}"  # so that what the template itself begins with keeps its space
)

MARK = "\ue004"  # stands for an answer that is looked for in what was rendered

Messages = Sequence[Mapping[str, str]]
Pieces = Sequence[tuple[str, bool, bool]]  # text; is it a message of the other side; does it end the model's answer

# Arguments of apply_chat_template that are no variable of the template.
ELSEWHERE = ("conversation", "messages", "chat_template", "add_generation_prompt", "continue_final_message", "tokenize")
ELSEWHERE += ("sanitize_control_tokens", "padding", "truncation", "max_length", "return_tensors", "return_dict")
ELSEWHERE += ("return_assistant_tokens_mask", "tokenizer_kwargs", "strftime_now")


@dataclass(frozen=True)
class Stretch:
    """Where an answer lies in a rendered conversation, characters: from `start`, which is behind the generation prompt,
    to `end`; its own words from `words` on; `closed`: behind what the template ends it with."""

    start: int
    words: int
    end: int
    closed: int


@dataclass(frozen=True)
class Conversation:
    """A rendered conversation: the text of the prompt and of each piece behind it, and what stands behind the last.

    Where the pieces stand behind the model's own words, the first two parts are the conversation up to there and what
    ends those words. open: the last piece ends the answer, and nothing was rendered that says so.
    """

    parts: list[str]
    behind: str = ""
    open: bool = False


@dataclass(eq=False)
class ChatTemplate:
    """A tokenizer's chat template with its arguments.

    system: the system message; arguments: the template's own variables; stops: token numbers that end an answer, where
    the template itself does not say what does.
    """

    cutter: Cutter
    name: str
    system: str | None = None
    arguments: Mapping[str, object] = field(default_factory=dict)
    stops: Collection[int] = ()

    def render(self, messages: Messages, *, ask: bool) -> str:
        """The conversation as text; ask: with the generation prompt behind it."""
        own = bool(messages) and messages[0]["role"] == "system"  # a row's own goes before the model's
        before = [] if self.system is None or own else [{"role": "system", "content": self.system}]
        try:
            return self.cutter.tokenizer.apply_chat_template(
                [*before, *messages],
                chat_template=self._pinned,
                add_generation_prompt=ask,
                tokenize=False,
                **self.arguments,
            )
        except Exception as error:  # a template raises whatever it likes
            roles = ", ".join(m["role"] for m in [*before, *messages])
            why = " ".join(str(error).split())[:160]
            raise ValueError(f"the chat template of {self.name!r} does not render {roles}: {why}") from error

    def conversation(self, asked: Messages | None, pieces: Pieces, *, ask: bool) -> Conversation:
        """Pieces as they are rendered behind the messages of a prompt, or (None) behind the model's own words.

        A piece of the model's own begins where the generation prompt before it ends, so that all it has to write is
        in it, such as Qwen3's empty <think> block; one that ends the answer ends with what the template renders there.
        """
        messages = [{"role": "user", "content": "?"}] if asked is None else [*asked]
        first = len(messages)
        if asked is None:
            messages.append({"role": "assistant", "content": MARK})
        place = []  # the message of each piece, and where in it
        for text, turn, _ in pieces:
            if turn or messages[-1]["role"] == "user":
                messages.append({"role": "user" if turn else "assistant", "content": ""})
            place.append((len(messages) - 1, len(messages[-1]["content"])))
            messages[-1]["content"] += text
        own = bool(pieces) and not pieces[-1][1]
        unfinished = [messages.pop()["content"]] if own and not pieces[-1][2] else []  # is gone on with as it stands
        ask = bool(unfinished) or (ask and not own)
        rendered = self.render(messages, ask=ask)
        answers = self.answers(messages, rendered, ask=ask, first=first)
        for content in unfinished:
            messages.append({"role": "assistant", "content": content})
            start, end = len(rendered), len(rendered) + len(content)
            rendered += content
            answers[len(messages) - 1] = Stretch(start, start, end, end)
        begins, end, behind, is_open = [], len(rendered), "", False
        for i, (message, at) in enumerate(place):
            begins.append(self._begin(messages, rendered, answers, message, at, ended=i > 0 and pieces[i - 1][2]))
        if own and not unfinished:
            last = answers[len(messages) - 1]
            end, is_open = last.closed, last.closed == last.end
            behind = "" if is_open else rendered[end:]
        borders = list(accumulate([end, *reversed(begins)], min))[::-1]
        if asked is not None:
            return Conversation([rendered[a:b] for a, b in pairwise([0, *borders])], behind, is_open)
        words = rendered.index(MARK)
        borders[0] = words + 1 + len(self.closing(rendered[words + 1 :]))
        parts = [f"{rendered[:words]}x", *(rendered[a:b] for a, b in pairwise([words + 1, *borders]))]
        return Conversation(parts, behind, is_open)

    def _begin(
        self,
        messages: Messages,
        rendered: str,
        answers: Mapping[int, Stretch],
        message: int,
        at: int,
        *,
        ended: bool,
    ) -> int:
        """Where a piece begins in what was rendered: `at` characters into a message; ended: by the piece before."""
        found = answers.get(message)
        if found is None:  # the other side's: behind the answer, or anywhere behind another of its messages
            before = answers.get(message - 1)
            if before is None:
                return len(rendered)
            return before.closed if ended else before.end
        if at == 0:
            return found.start
        left_out = messages[message]["content"].find(rendered[found.words : found.end])  # space that is stripped
        if left_out < 0:
            raise ValueError(f"the chat template of {self.name!r} changes an answer that was said in pieces")
        return min(max(found.words, found.words + at - left_out), found.end)

    def answers(self, messages: Messages, rendered: str, *, ask: bool, first: int = 0) -> dict[int, Stretch]:
        """Where the assistant's messages, from the message `first` on, lie in what was rendered of a conversation."""
        found = {}
        for i, message in enumerate(messages):
            if i < first or message["role"] != "assistant" or message["content"] == MARK:
                continue
            marked = [*messages[:i], {**message, "content": MARK * 2}, *messages[i + 1 :]]
            whole = self.render(marked, ask=ask)
            if MARK * 2 not in whole:
                raise ValueError(f"the chat template of {self.name!r} leaves an answer out of the conversation")
            head, _, tail = whole.partition(MARK * 2)
            prompt, words = self.render(messages[:i], ask=True), _shared(rendered, head)
            start = len(prompt) if rendered.startswith(prompt) else words
            end = max(start, len(rendered) - _shared(rendered[::-1], tail[::-1]))
            found[i] = Stretch(start, max(words, start), end, end + len(self.closing(rendered[end:])))
        return found

    def closing(self, tail: str) -> str:
        """What ends an answer at the beginning of the text behind it; empty where nothing does."""
        return next((end for end in (self.end, self.end_within) if tail.startswith(end)), "")

    # -- what ends an answer ------------------------------------------------------------------------------------------
    @cached_property
    def _tails(self) -> tuple[str, str]:
        """What stands behind an answer that is the last message, and behind one that is not."""
        said = [{"role": "user", "content": "?"}, {"role": "assistant", "content": MARK}]
        last, more = self.render(said, ask=False), self.render([*said, said[0]], ask=False)
        if MARK not in last or MARK not in more:
            raise ValueError(f"the chat template of {self.name!r} does not render answers as they are")
        return last.partition(MARK)[2], more.partition(MARK)[2]

    @cached_property
    def closes(self) -> bool:
        """Does the template end the last answer of a conversation?"""
        return self.cutter.special.search(self._tails[0]) is not None

    @cached_property
    def end(self) -> str:
        """The text that ends an answer, up to the token that ends it; empty where the template has none.

        Special tokens that follow each other behind an answer wherever it stands (else the first one), up to one that
        generation stops at. GLM's ends no answer, but generation stops at the next message's <|user|>.
        """
        last, more = self._tails
        special = self.cutter.special
        if not self.closes:
            first = special.search(more)
            stops = first is not None and self.cutter.specials[first[0]] in self.stops
            return more[: first.end()] if stops else ""
        both = commonprefix([last, more])
        text = both if special.search(both) else last
        first = special.search(text)
        end = first.end()
        while self.cutter.specials[text[first.start() : end]] not in self.stops:
            first = special.match(text, end)
            if first is None:
                break
            end = first.end()
        return text[:end]

    @cached_property
    def end_within(self) -> str:
        """What ends an answer that is not the last, where that is another token (GPT-OSS: <|end|>, not <|return|>)."""
        before = self._tails[1].partition("?")[0]
        first, several = self.cutter.special.match(before), len(self.cutter.special.findall(before)) > 1
        return first[0] if self.closes and first and several else ""

    @property
    def end_token(self) -> int | None:
        """The number of the token that ends an answer; None where the template has none."""
        names = self.cutter.special.findall(self.end)
        return self.cutter.specials[names[-1]] if names else None

    # -- what decides it ----------------------------------------------------------------------------------------------
    @property
    def text(self) -> str:
        """The template itself."""
        return template_of(self.cutter.tokenizer) or ""

    @property
    def digest(self) -> str:
        """Digest of the template's text (16 hex digits)."""
        return hashlib.blake2b(self.text.encode(), digest_size=8).hexdigest()

    def settled(self) -> dict[str, object]:
        """The arguments with the date, where the template asks for one; refuses what it does not read or render."""
        arguments = dict(self.arguments)
        for name in arguments:
            if name in ELSEWHERE:
                raise ValueError(f"template_kwargs={{{name!r}: ...}} is no variable of the template; leave it out")
            dated = name == "date_string" and "strftime_now" in self.text
            if not dated and not re.search(rf"\b{re.escape(name)}\b", self.text):
                raise ValueError(
                    f"the chat template of {self.name!r} reads no {name!r}; leave it out of template_kwargs"
                )
        said = self.render([{"role": "user", "content": "?"}], ask=True)
        if self.system is not None and self.system.strip() not in said:
            raise ValueError(f"the chat template of {self.name!r} leaves the system message out; leave system= out")
        _ = self.end  # found here, so that a template that hides answers is refused now
        if "strftime_now" in self.text:
            arguments.setdefault("date_string", DATE)
        return arguments

    @cached_property
    def _pinned(self) -> str:
        """The template with a clock that stands still, where it asks for the date.

        It is written in the template itself, since apply_chat_template hands no functions on.
        """
        if "strftime_now" not in self.text:
            return self.text
        given = str(self.arguments.get("date_string", DATE))
        date = next((found for form in DATES if (found := _date(given, form))), None)
        pairs = [] if date is None else [(code, date.strftime(code)) for code in CODES]
        form = "form" if pairs else json.dumps(given)
        return CLOCK.format(form=form, pairs=json.dumps(pairs)) + self.text


def _date(text: str, form: str) -> datetime | None:
    """The date that is written in a form, if it is one."""
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def template_of(tokenizer: object) -> str | None:
    """A tokenizer's chat template as text: of several that have names, its default; None where there is none."""
    try:
        return tokenizer.get_chat_template()
    except (ValueError, AttributeError):
        return None


def has_template(tokenizer: object) -> bool:
    """Whether rows can be rendered as a chat."""
    return template_of(tokenizer) is not None


_said: set[str] = set()  # names of models of which it was printed that they chat


def with_template(recipe: Recipe, tokenizer: object) -> Recipe:
    """The recipe with what the tokenizer decides: chat or not, the template's digest, the date that it asks for.

    Refuses chat without a template, and settings of a template where none is used.
    """
    there = has_template(tokenizer)
    if recipe.chat and not there:
        raise ValueError(
            f"chat=True, and the tokenizer of {recipe.name!r} has no chat template; leave chat out for plain text"
        )
    chat = there if recipe.chat is None else recipe.chat
    if not chat:
        for name, value in {"system": recipe.system, "template_kwargs": recipe.template_kwargs or None}.items():
            if value is not None:
                why = "chat=False" if there else f"the tokenizer of {recipe.name!r} has none"
                raise ValueError(f"{name}={value!r} is read by a chat template, and {why}; leave it out")
        return replace(recipe, chat=False)
    if recipe.chat is None and recipe.name not in _said:
        _said.add(recipe.name)
        print(f"{recipe.name}: rows are rendered through its chat template; chat=False renders them as plain text")
    template = ChatTemplate(Cutter(tokenizer), recipe.name, recipe.system, recipe.template_kwargs)
    return replace(recipe, chat=True, template_kwargs=template.settled(), template=template.digest)


def _shared(a: str, b: str) -> int:
    """How many characters two texts begin with together."""
    return len(commonprefix([a, b]))
