"""The words that modules' names are made of: a decoder's parts, and what stands around a language model.

How codebases call token embeddings, head, norms and lists of layers; what the layers hold is a matter of the
architecture tables. Vision towers, audio encoders, projectors and the rest have no names in common, but their
authors call them by few words. These decide two things: what people are told that a tensor is, and what is
never taken for a part of the language model however it is nested.
"""

import re

# Relative to the module that holds them; the longer spelling first.
EMBEDDINGS = (
    "embed_tokens.embed_tokens.weight",
    "embeddings.word_embeddings.weight",
    "embedding.word_embeddings.weight",
    "embed_tokens.weight",
    "tok_embeddings.weight",
    "word_embeddings.weight",
    "wte.embedding",
    "wte.weight",
    "embed_in.weight",
    "embeddings.weight",
    "embed.weight",
    "shared.weight",
)
HEADS = ("lm_head", "output_layer", "embed_out", "unembed", "cls.predictions.decoder", "output")
HEAD_BIASES = ("cls.predictions.bias",)
FINAL_NORMS = ("norm", "final_layernorm", "final_layer_norm", "final_norm", "ln_f", "norm_f", "layer_norm")
# Rows are tokens in these as well (Gemma 3n, Gemma 4).
TOKEN_TABLES = ("embed_tokens_per_layer",)

# Where the numbered list of layers lies below the module of the embeddings, best first.
LISTS = re.compile(r"(?:(?:encoder|decoder|transformer|model)\.)?(?:layers|layer|h|blocks|block)")
# A decoder's own module; whatever else lies in it belongs to the language model.
LANGUAGE_MODULES = (
    "language_model",
    "text_model",
    "text_decoder",
    "llm",
    "decoder",
    "backbone",
    "bert",
    "git",
    "transformer",
)
# Parts of a decoder that lie beside its list, where the module around them holds other things as well.
BESIDE = re.compile(
    r"(\w*norm\w*|ln_\w+|wpe|embed_positions|\w*per_layer\w*|altup\w*|hyper_connection\w*|self_conditioning"
    r"|lerope|attn_res|gated_cross_attn_layers|embed_tokens|segment_emb)(\.|$)"
)

# Attention to images or to an encoder, and what else wrappers insert: their ancestor has none of it.
INSERTED = re.compile(
    r"cross_?att|(^|\.)encoder_attn|ada_rms_norm|gated_cross|vision|visual|image|audio|modality"
)
SELF_ATTENTION = re.compile(r"(^|\.)(self_attn|self_attention|attn|attention|linear_attn|mixer|conv)(\.|$)")
# Multi-token prediction: a layer after the last, which plain inference does not run (DeepSeek-V3, GLM-4.5).
PREDICTION = re.compile(r"(^|\.)(eh_proj|enorm|hnorm|shared_head)(\.|$)")
# Rows for tokens that a wrapper added to its ancestor's vocabulary (Molmo 2, IDEFICS).
NEW_TOKENS = re.compile(r"(^|\.)(new_embedding|additional_(embedding|fc))(\.|$)")
# Modules that wrap a weight and change nothing about it.
TRANSPARENT = re.compile(r"(^|(?<=\.))(base_layer|_fp32_params|_orig_mod)\.")
# Adapters that a wrapper keeps beside the language model's own weights.
ADAPTERS = re.compile(r"(^|\.)(adapter|lora_[AB]|lora_embedding_[AB])(\.|$)")

NOT_A_PARAMETER = "not a parameter (rotary inv_freq)"
COUNTERS = "not a parameter (whole numbers)"
ADAPTER = "adapter inside the language model"
SECOND_DECODER = "second language model"
ELSEWHERE = "outside the language model"

# (regular expression, what it is), first match wins.
OUTSIDE = tuple(
    (re.compile(pattern), what)
    for pattern, what in (
        (r"rotary\w*\.inv_freq$", NOT_A_PARAMETER),
        (r"image_newline|view_sep\w*|image_(begin|end|start)|(^|\.)[be]oi$", "image newline or marker"),
        (r"vision_sampler_layers\.", "sampler inside the language model"),
        (r"projector|connector|resampler|perceiver|abstractor|aligner|merger|qformer", "projector"),
        (r"(^|\.)mlp1\.|vision_sampler|vision_query|sampler|language_projection|query_tokens$", "projector"),
        (
            r"image_to_text_projection|visual_projection|(vision|image)_(language_)?(adapter|projection)",
            "projector",
        ),
        (
            r"(^|\.)(visual|vision\w*|vit|vpm|image_\w*encoder|img_\w+|embed_vision|sam_model)\.",
            "vision encoder",
        ),
        (
            r"(^|\.)(vq_?model|vqvae|patch_embed\w*|pos_embed|\w*image_embed\w*|qwen2_model)(\.|$)",
            "vision encoder",
        ),
        (
            r"(^|\.)(audio\w*|apm|speech\w*|embed_audio|perception|codec_model|\w*audio_embed)\.",
            "audio encoder",
        ),
        (r"(^|\.)talker\.", SECOND_DECODER),
        (r"(^|\.)(code2wav|token2wav|ctc_timestamp)\.", "speech generator"),
        (r"(^|\.)protein_\w+\.", "protein encoder"),
        (r"(^|\.)(cell_2d_embedding|relative_bias)\.", "page layout embedding"),
        (r"(^|\.)mtp\.", "multi-token prediction head"),
    )
)


def what_is(name: str) -> str:
    """What a tensor outside the language model belongs to, by the words of its name."""
    return next((what for pattern, what in OUTSIDE if pattern.search(name)), ELSEWHERE)
