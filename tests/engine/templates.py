"""Chat templates of real models (their conversations; without tools), and small tokenizers that have their tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

WORDS = [
    "What is 2 + 3? The answer is 5, and 12 + 30 is 42. You are a helpful assistant. Be brief, please.\n\nAnd then?",
    "user assistant system model <think> </think> Today Date: 26 Jul 2024 Cutting Knowledge Date: December 2023",
]


@dataclass(frozen=True)
class Style:
    """A chat template with the special tokens that it writes; end: what ends an answer, stop: its last token.

    stops: eos_token_id of the generation configuration, by their texts; kind: of tokenizer; system: is one rendered;
    arguments: of the template; rstrip: do special tokens take the space behind them along, as Phi-3's do.
    """

    template: str
    specials: tuple[str, ...]
    eos: str
    end: str
    bos: str | None = None
    stops: tuple[str, ...] = ()
    kind: str = "bytes"
    system: bool = True
    arguments: dict = field(default_factory=dict)
    rstrip: bool = False

    def tokenizer(self) -> PreTrainedTokenizerFast:
        return build(self.specials, self.eos, self.bos, self.template, kind=self.kind, rstrip=self.rstrip)


def build(
    specials: tuple[str, ...],
    eos: str | None,
    bos: str | None = None,
    template: str | None = None,
    *,
    kind: str = "bytes",
    rstrip: bool = False,
    adds_bos: bool = False,
    added: tuple[str, ...] = ("<think>", "</think>"),
) -> PreTrainedTokenizerFast:
    """A tokenizer of some 500 words: "bytes" like GPT-2's, "space" like SentencePiece's (a space before every text),
    "spaces" like Llama 2's in its first form (a space before every stretch between special tokens)."""
    made = Tokenizer(models.BPE(byte_fallback=kind != "bytes", unk_token=None))
    alphabet = []
    if kind == "bytes":
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    elif kind == "space":
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        made.decoder = decoders.Metaspace(prepend_scheme="first", split=False)
        alphabet = [chr(i) for i in range(32, 127)] + ["\n", "▁"]
    else:
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        made.decoder = decoders.Metaspace(prepend_scheme="always", split=False)
        alphabet = [chr(i) for i in range(33, 127)] + ["\n", "▁"]
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(WORDS, trainer)
    made.add_special_tokens([AddedToken(text, special=True, normalized=False, rstrip=rstrip) for text in specials])
    made.add_tokens([AddedToken(text, special=False, normalized=False) for text in added])
    if adds_bos:
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, made.token_to_id(bos))]
        )
    names = {"bos_token": bos, "eos_token": eos}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, **{k: v for k, v in names.items() if v})
    tokenizer.chat_template = template
    return tokenizer


CHATML = (
    "{%- if messages[0]['role'] == 'system' %}"
    "{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}"
    "{%- if message.role != 'system' or not loop.first %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)

QWEN3 = """
{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') }}
                {{- '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

LLAMA3 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}"
    "{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"
)

PHI3 = (
    "{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}"
    "{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}"
    "{% elif message['role'] == 'assistant' %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"
)

PHI4_MINI = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
)

MISTRAL = (
    "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
    "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}"
    "{%- for message in loop_messages %}{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{- raise_exception('roles must alternate') }}{%- endif %}"
    "{%- if message['role'] == 'user' %}{%- if loop.last and system_message is defined %}"
    "{{- '[INST] ' + system_message + '\\n\\n' + message['content'] + '[/INST]' }}{%- else %}"
    "{{- '[INST] ' + message['content'] + '[/INST]' }}{%- endif %}"
    "{%- elif message['role'] == 'assistant' %}{{- ' ' + message['content'] + eos_token}}{%- endif %}{%- endfor %}"
)

LLAMA2 = (
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}"
    "{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}"
    "{% set system_message = false %}{% endif %}{% for message in loop_messages %}"
    "{% if loop.index0 == 0 and system_message != false %}"
    "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}"
    "{% else %}{% set content = message['content'] %}{% endif %}"
    "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)

ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""

TULU = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}"
    "{{ '<|system|>\\n' + message['content'] + '\\n' }}{% elif message['role'] == 'user' %}"
    "{{ '<|user|>\\n' + message['content'] + '\\n' }}{% elif message['role'] == 'assistant' %}{% if not loop.last %}"
    "{{ '<|assistant|>\\n'  + message['content'] + eos_token + '\\n' }}{% else %}"
    "{{ '<|assistant|>\\n'  + message['content'] + eos_token }}{% endif %}{% endif %}"
    "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}{% endfor %}"
)

GRANITE = """{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set system_message = "Knowledge Cutoff Date: April 2024.\\nToday's Date: " + strftime_now('%B %d, %Y') + "." %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- '<|start_of_role|>system<|end_of_role|>' + system_message + '<|end_of_text|>\\n' }}
{%- for message in loop_messages %}
    {{- '<|start_of_role|>' + message['role'] + '<|end_of_role|>' + message['content'] + '<|end_of_text|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_of_role|>assistant<|end_of_role|>' }}{%- endif %}"""

GLM4 = (
    "[gMASK]<sop>{% for item in messages %}<|{{ item['role'] }}|>\\n{{ item['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\\n{% endif %}"
).replace("\\n", "\n")

GPT_OSS = (
    "<|start|>system<|message|>You are ChatGPT.\\nCurrent date: {{ strftime_now('%Y-%m-%d') }}<|end|>"
    "{% for message in messages %}{% if message.role == 'system' %}"
    "<|start|>developer<|message|>{{ message.content }}<|end|>{% elif message.role == 'user' %}"
    "<|start|>user<|message|>{{ message.content }}<|end|>{% elif loop.last and not add_generation_prompt %}"
    "<|start|>assistant<|channel|>final<|message|>{{ message.content }}<|return|>{% else %}"
    "<|start|>assistant<|channel|>final<|message|>{{ message.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
).replace("\\n", "\n")

COHERE7B = (
    "{{ bos_token }}{% for message in messages %}<|START_OF_TURN_TOKEN|>{% if message.role == 'user' %}<|USER_TOKEN|>"
    "{{ message.content }}<|END_OF_TURN_TOKEN|>{% elif message.role == 'system' %}<|SYSTEM_TOKEN|>{{ message.content }}"
    "<|END_OF_TURN_TOKEN|>{% else %}<|CHATBOT_TOKEN|><|START_RESPONSE|>{{ message.content }}<|END_RESPONSE|>"
    "<|END_OF_TURN_TOKEN|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_RESPONSE|>{% endif %}"
)

IM = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
DATE = {"date_string": "26 Jul 2024"}

STYLES = {
    "Qwen2.5": Style(CHATML, IM, "<|im_end|>", "<|im_end|>", stops=("<|im_end|>", "<|endoftext|>")),
    "Qwen3": Style(QWEN3, IM, "<|im_end|>", "<|im_end|>", stops=("<|im_end|>", "<|endoftext|>")),
    "Qwen3 without thinking": Style(QWEN3, IM, "<|im_end|>", "<|im_end|>", arguments={"enable_thinking": False}),
    "Qwen3 base": Style(QWEN3, IM, "<|endoftext|>", "<|im_end|>"),
    "Llama 3": Style(
        LLAMA3,
        (
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eom_id|>",
            "<|eot_id|>",
        ),
        "<|eot_id|>",
        "<|eot_id|>",
        bos="<|begin_of_text|>",
        stops=("<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"),
        arguments=DATE,
    ),
    "Gemma": Style(
        GEMMA,
        ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"),
        "<eos>",
        "<end_of_turn>",
        bos="<bos>",
        stops=("<eos>", "<end_of_turn>"),
        system=False,
    ),
    "Phi-3": Style(
        PHI3,
        ("<s>", "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"),
        "<|endoftext|>",
        "<|end|>",
        bos="<s>",
        kind="space",
        rstrip=True,
    ),
    "Phi-4-mini": Style(
        PHI4_MINI,
        ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"),
        "<|endoftext|>",
        "<|end|>",
        bos="<|endoftext|>",
        stops=("<|end|>", "<|endoftext|>"),
    ),
    "Mistral": Style(MISTRAL, ("<s>", "</s>", "[INST]", "[/INST]"), "</s>", "</s>", bos="<s>", kind="space"),
    "Llama 2": Style(LLAMA2, ("<s>", "</s>"), "</s>", " </s>", bos="<s>", kind="spaces"),
    "Zephyr": Style(ZEPHYR, ("<s>", "</s>"), "</s>", "</s>", bos="<s>", kind="spaces"),
    "TinyLlama": Style(ZEPHYR, ("<s>", "</s>"), "</s>", "</s>", bos="<s>", kind="space"),
    "OLMo 2": Style(TULU, ("<|endoftext|>",), "<|endoftext|>", "<|endoftext|>", bos="<|endoftext|>"),
    "Tulu": Style(TULU, ("<s>", "</s>"), "</s>", "</s>", bos="<s>", kind="space"),
    "Granite": Style(
        GRANITE,
        ("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>"),
        "<|end_of_text|>",
        "<|end_of_text|>",
        bos="<|end_of_text|>",
        arguments=DATE,
    ),
    "GPT-OSS": Style(
        GPT_OSS,
        ("<|startoftext|>", "<|endoftext|>", "<|return|>", "<|channel|>", "<|start|>", "<|end|>", "<|message|>"),
        "<|return|>",
        "<|return|>",
        stops=("<|return|>", "<|endoftext|>"),
        arguments=DATE,
    ),
    "Command R7B": Style(
        COHERE7B,
        (
            "<BOS_TOKEN>",
            "<|START_OF_TURN_TOKEN|>",
            "<|END_OF_TURN_TOKEN|>",
            "<|USER_TOKEN|>",
            "<|SYSTEM_TOKEN|>",
            "<|CHATBOT_TOKEN|>",
            "<|START_RESPONSE|>",
            "<|END_RESPONSE|>",
        ),
        "<|END_OF_TURN_TOKEN|>",
        "<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
        bos="<BOS_TOKEN>",
    ),
    "GLM-4": Style(
        GLM4,
        ("<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>"),
        "<|endoftext|>",
        "<|user|>",
        stops=("<|endoftext|>", "<|user|>"),
    ),
}
