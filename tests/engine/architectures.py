"""Tiny builds of real architectures: 2 layers of 64 numbers with random weights, biases, norms, sinks and routers.

build("qwen3")      a transformers model with the pocket model's tokenizer, whose weights are all other than their start
"""

from __future__ import annotations

import torch
import transformers

from curriculab.data.files import data_path

ROTARY = dict(
    vocab_size=512,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    initializer_range=0.08,
)


def usual(**more: object) -> dict[str, object]:
    """The sizes of most, and what is special."""
    return {**ROTARY, **more}


def images(text: dict[str, object], **vision: object) -> dict[str, object]:
    """A model of texts and images: its text model, and a vision tower of one layer."""
    tower = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2, patch_size=14)
    return dict(text_config=text, vision_config={**tower, "image_size": 28, **vision})


# Name: the class of its configuration, and what it is given.
ARCHITECTURES: dict[str, tuple[str, dict[str, object]]] = {
    "qwen2.5": ("Qwen2Config", usual(tie_word_embeddings=True)),
    "qwen2.5-yarn": (
        "Qwen2Config",
        usual(
            rope_parameters={
                "rope_type": "yarn",
                "factor": 4.0,
                "original_max_position_embeddings": 64,
                "rope_theta": 1000000.0,
            }
        ),
    ),
    "qwen2-window": ("Qwen2Config", usual(use_sliding_window=True, sliding_window=16, max_window_layers=1)),
    "qwen3": ("Qwen3Config", usual(head_dim=32, tie_word_embeddings=True)),
    "llama3": (
        "LlamaConfig",
        usual(
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        ),
    ),
    "llama-linear": (
        "LlamaConfig",
        usual(
            rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0},
            attention_bias=True,
            mlp_bias=True,
        ),
    ),
    "llama-dynamic": (
        "LlamaConfig",
        usual(
            max_position_embeddings=64, rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
        ),
    ),
    "gemma": ("GemmaConfig", usual(head_dim=16)),
    "gemma2": ("Gemma2Config", usual(head_dim=16, sliding_window=16)),
    "gemma2-nocap": (
        "Gemma2Config",
        usual(head_dim=16, sliding_window=16, attn_logit_softcapping=None, query_pre_attn_scalar=20),
    ),
    "gemma3": (
        "Gemma3TextConfig",
        usual(
            num_hidden_layers=4,
            head_dim=16,
            sliding_window=16,
            layer_types=["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
        ),
    ),
    "mistral": ("MistralConfig", usual(sliding_window=16)),
    "ministral3": ("Ministral3Config", usual(head_dim=16, sliding_window=None)),
    "mixtral": ("MixtralConfig", usual(num_local_experts=4, num_experts_per_tok=2)),
    "qwen3-moe": (
        "Qwen3MoeConfig",
        usual(head_dim=16, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=32, norm_topk_prob=True),
    ),
    "olmoe": ("OlmoeConfig", usual(num_experts=8, num_experts_per_tok=2)),
    "phi3": ("Phi3Config", usual(num_key_value_heads=4, sliding_window=16, pad_token_id=2)),
    "phi3-longrope": (
        "Phi3Config",
        usual(
            original_max_position_embeddings=48,
            pad_token_id=2,
            rope_parameters={
                "rope_type": "longrope",
                "rope_theta": 10000.0,
                "short_factor": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
                "long_factor": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
                "original_max_position_embeddings": 48,
            },
        ),
    ),
    "phi4-mini-partial": (
        "Phi3Config",
        usual(
            partial_rotary_factor=0.75,
            pad_token_id=2,
            tie_word_embeddings=True,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
        ),
    ),
    "phi2": ("PhiConfig", usual(num_key_value_heads=4, resid_pdrop=0.1, partial_rotary_factor=0.5)),
    "smollm3": ("SmolLM3Config", usual(no_rope_layers=[1, 0], pad_token_id=0)),
    "olmo2": ("Olmo2Config", usual(pad_token_id=0)),
    "olmo3": (
        "Olmo3Config",
        usual(sliding_window=16, pad_token_id=0, layer_types=["sliding_attention", "full_attention"]),
    ),
    "granite": (
        "GraniteConfig",
        usual(
            embedding_multiplier=6.0,
            attention_multiplier=0.11,
            residual_multiplier=0.3,
            logits_scaling=3.0,
            tie_word_embeddings=True,
        ),
    ),
    "gpt2": (
        "GPT2Config",
        dict(vocab_size=512, n_embd=64, n_layer=2, n_head=4, n_positions=512, initializer_range=0.08),
    ),
    "opt": (
        "OPTConfig",
        dict(
            vocab_size=512,
            hidden_size=64,
            ffn_dim=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=512,
            word_embed_proj_dim=64,
            init_std=0.08,
        ),
    ),
    "opt-350m-like": (
        "OPTConfig",
        dict(
            vocab_size=512,
            hidden_size=64,
            ffn_dim=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=512,
            word_embed_proj_dim=32,
            init_std=0.08,
            do_layer_norm_before=False,
            dropout=0.0,
        ),
    ),
    "pythia": (
        "GPTNeoXConfig",
        dict(
            vocab_size=512,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=512,
            initializer_range=0.08,
            rotary_pct=0.25,
        ),
    ),
    "falcon-7b": (
        "FalconConfig",
        dict(
            vocab_size=512,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            multi_query=True,
            parallel_attn=True,
            bias=False,
            initializer_range=0.08,
            max_position_embeddings=512,
        ),
    ),
    "falcon-alibi": (
        "FalconConfig",
        dict(
            vocab_size=512,
            hidden_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            alibi=True,
            multi_query=False,
            parallel_attn=False,
            bias=True,
            initializer_range=0.08,
        ),
    ),
    "bloom": ("BloomConfig", dict(vocab_size=512, hidden_size=64, n_layer=2, n_head=4, initializer_range=0.08)),
    "mpt": ("MptConfig", dict(vocab_size=512, d_model=64, n_layers=2, n_heads=4, expansion_ratio=2, max_seq_len=512)),
    "gpt-neo": (
        "GPTNeoConfig",
        dict(
            vocab_size=512,
            hidden_size=64,
            num_layers=2,
            num_heads=4,
            attention_types=[[["global", "local"], 1]],
            window_size=16,
            max_position_embeddings=512,
            initializer_range=0.08,
        ),
    ),
    "gptj": (
        "GPTJConfig",
        dict(vocab_size=512, n_embd=64, n_layer=2, n_head=4, rotary_dim=8, n_positions=512, initializer_range=0.08),
    ),
    "starcoder2": ("Starcoder2Config", usual(sliding_window=16)),
    "stablelm": ("StableLmConfig", usual(num_key_value_heads=4)),
    "cohere": ("CohereConfig", usual(logit_scale=0.25, pad_token_id=0)),
    "cohere2": ("Cohere2Config", usual(logit_scale=0.25, pad_token_id=0, sliding_window=16)),
    "gpt-oss": (
        "GptOssConfig",
        usual(
            head_dim=16,
            num_local_experts=4,
            num_experts_per_tok=2,
            sliding_window=16,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        ),
    ),
    "glm4": ("Glm4Config", usual(head_dim=16, pad_token_id=0)),
    "deepseek-v3": (
        "DeepseekV3Config",
        usual(
            num_key_value_heads=4,
            moe_intermediate_size=32,
            n_routed_experts=4,
            num_experts_per_tok=2,
            n_group=1,
            topk_group=1,
            n_shared_experts=1,
            first_k_dense_replace=1,
            q_lora_rank=16,
            kv_lora_rank=16,
            qk_rope_head_dim=8,
            qk_nope_head_dim=16,
            v_head_dim=16,
        ),
    ),
    "lfm2": ("Lfm2Config", usual(layer_types=["conv", "full_attention"], pad_token_id=0)),
    "granite4-hybrid": (
        "GraniteMoeHybridConfig",
        usual(
            layer_types=["mamba", "attention"],
            num_local_experts=0,
            shared_intermediate_size=96,
            mamba_n_heads=4,
            mamba_d_head=32,
            mamba_d_state=16,
            mamba_n_groups=1,
            mamba_expand=2,
            pad_token_id=0,
        ),
    ),
    "qwen3-next": (
        "Qwen3NextConfig",
        usual(
            head_dim=16,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
            shared_expert_intermediate_size=32,
            layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=4,
            linear_num_key_heads=2,
            linear_key_head_dim=16,
            linear_value_head_dim=16,
        ),
    ),
    "qwen3.5": (
        "Qwen3_5TextConfig",
        usual(
            head_dim=16,
            layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=4,
            linear_num_key_heads=2,
            linear_key_head_dim=16,
            linear_value_head_dim=16,
        ),
    ),
    "mamba2": (
        "Mamba2Config",
        dict(
            vocab_size=512,
            hidden_size=64,
            num_hidden_layers=2,
            state_size=16,
            num_heads=4,
            head_dim=32,
            expand=2,
            n_groups=1,
        ),
    ),
    "falcon-h1": (
        "FalconH1Config",
        usual(mamba_d_ssm=64, mamba_n_heads=4, mamba_d_head=16, mamba_d_state=16, mamba_n_groups=1, pad_token_id=0),
    ),
    "llama4": (
        "Llama4TextConfig",
        usual(
            head_dim=16,
            intermediate_size_mlp=96,
            num_local_experts=2,
            num_experts_per_tok=1,
            attention_chunk_size=16,
            interleave_moe_layer_step=2,
            pad_token_id=0,
        ),
    ),
    "gemma3n": (
        "Gemma3nTextConfig",
        usual(
            intermediate_size=[96, 96],
            head_dim=16,
            sliding_window=16,
            vocab_size_per_layer_input=512,
            hidden_size_per_layer_input=16,
            num_kv_shared_layers=0,
            activation_sparsity_pattern=[0.0, 0.0],
            layer_types=["sliding_attention", "full_attention"],
            laurel_rank=8,
        ),
    ),
    "gemma4": (
        "Gemma4TextConfig",
        usual(
            head_dim=16,
            global_head_dim=16,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
            hidden_size_per_layer_input=0,
            vocab_size_per_layer_input=512,
            num_kv_shared_layers=0,
        ),
    ),
    "exaone4": (
        "Exaone4Config",
        usual(sliding_window=16, pad_token_id=0, layer_types=["sliding_attention", "full_attention"]),
    ),
    "gemma4-ple": (
        "Gemma4TextConfig",
        usual(
            head_dim=16,
            global_head_dim=16,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
            hidden_size_per_layer_input=16,
            vocab_size_per_layer_input=512,
            num_kv_shared_layers=0,
        ),
    ),
    "gemma4-kvshared": (
        "Gemma4TextConfig",
        usual(
            num_hidden_layers=4,
            head_dim=16,
            global_head_dim=16,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
            hidden_size_per_layer_input=0,
            vocab_size_per_layer_input=512,
            num_kv_shared_layers=2,
        ),
    ),
    "gemma4-globalhd": (
        "Gemma4TextConfig",
        usual(
            head_dim=16,
            global_head_dim=32,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"],
            hidden_size_per_layer_input=0,
            vocab_size_per_layer_input=512,
            num_kv_shared_layers=0,
        ),
    ),
    "nemotron": ("NemotronConfig", usual(pad_token_id=0)),
    "arcee": ("ArceeConfig", usual()),
    "apertus": ("ApertusConfig", usual(pad_token_id=0)),
    "olmo": ("OlmoConfig", usual(pad_token_id=0)),
    "starcoder1": (
        "GPTBigCodeConfig",
        dict(vocab_size=512, n_embd=64, n_layer=2, n_head=4, n_positions=512, multi_query=True, initializer_range=0.08),
    ),
    "codegen": (
        "CodeGenConfig",
        dict(
            vocab_size=512,
            n_embd=64,
            n_layer=2,
            n_head=4,
            rotary_dim=8,
            n_positions=512,
            n_ctx=512,
            initializer_range=0.08,
        ),
    ),
    "seed-oss": ("SeedOssConfig", usual(head_dim=16, pad_token_id=0)),
    "helium": ("HeliumConfig", usual(head_dim=16, pad_token_id=0)),
    "diffllama": ("DiffLlamaConfig", usual()),
    "nanochat": ("NanoChatConfig", usual(pad_token_id=0)),
    "granitemoe": ("GraniteMoeConfig", usual(num_local_experts=4, num_experts_per_tok=2)),
    "hunyuan-dense": ("HunYuanDenseV1Config", usual(head_dim=16, pad_token_id=0)),
    "ernie4.5": ("Ernie4_5Config", usual(head_dim=16, pad_token_id=0)),
    "bitnet": ("BitNetConfig", usual(pad_token_id=0)),
    "minicpm3": (
        "MiniCPM3Config",
        usual(
            num_key_value_heads=4,
            q_lora_rank=16,
            kv_lora_rank=16,
            qk_rope_head_dim=8,
            qk_nope_head_dim=16,
            v_head_dim=16,
        ),
    ),
    "xglm": (
        "XGLMConfig",
        dict(
            vocab_size=512,
            d_model=64,
            ffn_dim=96,
            num_layers=2,
            attention_heads=4,
            max_position_embeddings=512,
            init_std=0.08,
        ),
    ),
    "vaultgemma": ("VaultGemmaConfig", usual(head_dim=16, sliding_window=16, attn_logit_softcapping=None)),
    "biogpt": ("BioGptConfig", usual(num_key_value_heads=None)),
    "doge": ("DogeConfig", usual(pad_token_id=0)),
    "persimmon": ("PersimmonConfig", usual()),
    "qwen3.5-moe": (
        "Qwen3_5MoeTextConfig",
        usual(
            head_dim=16,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=32,
            shared_expert_intermediate_size=32,
            layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=4,
            linear_num_key_heads=2,
            linear_key_head_dim=16,
            linear_value_head_dim=16,
        ),
    ),
    "ministral": (
        "MinistralConfig",
        usual(head_dim=16, sliding_window=16, layer_types=["sliding_attention", "full_attention"]),
    ),
    "gemma4-ple-kvshared": (
        "Gemma4TextConfig",
        usual(
            num_hidden_layers=4,
            head_dim=16,
            global_head_dim=16,
            sliding_window=16,
            layer_types=["sliding_attention", "full_attention"] * 2,
            hidden_size_per_layer_input=16,
            vocab_size_per_layer_input=512,
            num_kv_shared_layers=2,
        ),
    ),
    "gpt2-bias": (
        "GPT2Config",
        dict(
            vocab_size=512,
            n_embd=48,
            n_layer=3,
            n_head=3,
            n_positions=256,
            initializer_range=0.08,
            scale_attn_by_inverse_layer_idx=True,
        ),
    ),
}

# With a vision tower that is left alone.
WITH_IMAGES: dict[str, tuple[str, dict[str, object]]] = {
    "gemma3-images": (
        "Gemma3Config",
        {
            **images(usual(head_dim=16, sliding_window=16, layer_types=["sliding_attention", "full_attention"])),
            "mm_tokens_per_image": 4,
            "image_token_index": 511,
            "boi_token_index": 510,
            "eoi_token_index": 509,
        },
    ),
    "mistral3-images": (
        "Mistral3Config",
        {
            **images({**usual(head_dim=16, sliding_window=None), "model_type": "mistral"}, model_type="pixtral"),
            "image_token_index": 511,
        },
    ),
    "gemma4-images": (
        "Gemma4Config",
        {
            **images(
                {**ARCHITECTURES["gemma4-ple"][1], "model_type": "gemma4_text"},
                model_type="gemma4_vision",
                head_dim=16,
                num_key_value_heads=2,
                pooling_kernel_size=1,
                position_embedding_size=16,
            ),
            "audio_config": None,
            "audio_token_id": 508,
            "video_token_id": 507,
            "image_token_id": 511,
            "boi_token_id": 510,
            "eoi_token_id": 509,
        },
    ),
    "qwen3.5-images": (
        "Qwen3_5Config",
        {
            "text_config": {**ARCHITECTURES["qwen3.5"][1], "model_type": "qwen3_5_text"},
            "vision_config": dict(
                depth=1,
                hidden_size=32,
                intermediate_size=48,
                num_heads=2,
                patch_size=14,
                out_hidden_size=64,
                num_position_embeddings=16,
            ),
            "image_token_id": 511,
            "video_token_id": 510,
            "vision_start_token_id": 509,
            "vision_end_token_id": 508,
        },
    ),
}


def build(name: str, seed: int = 1) -> transformers.PreTrainedModel:
    """One of them with weights drawn from `seed`; what begins as zero or one is drawn too."""
    kind, settings = {**ARCHITECTURES, **WITH_IMAGES}[name]
    ends = {} if "text_config" in settings else dict(bos_token_id=257, eos_token_id=258)
    config = getattr(transformers, kind)(**{**settings, **ends})
    torch.manual_seed(seed)
    kinds = [transformers.AutoModelForCausalLM]
    if name in WITH_IMAGES:
        kinds.insert(0, transformers.AutoModelForImageTextToText)  # else the text model alone, of some
    model = next(k for k in kinds if type(config) in k._model_mapping).from_config(config, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed + 4)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            noise = 0.1 * torch.randn(parameter.shape, generator=generator)
            if parameter.dim() <= 1:
                if "A_log" not in parameter_name and "dt_bias" not in parameter_name:
                    parameter.add_(noise)
            elif _is_untouched(parameter_name, parameter):
                parameter.copy_(noise)
    return model.eval()


def _is_untouched(name: str, parameter: torch.Tensor) -> bool:
    """Whether `from_config` left a matrix as it was made: zero, unset, or a part of a mixture."""
    special = any(part in name for part in ("bias", "experts", "router", "gate.weight"))
    return special or not bool(torch.isfinite(parameter).all()) or float(parameter.abs().max()) == 0


def tokenizer() -> transformers.PreTrainedTokenizerBase:
    """The pocket model's: a byte a token, and three special ones."""
    return transformers.AutoTokenizer.from_pretrained(data_path("pocket"))
