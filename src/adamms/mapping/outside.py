"""What stands around a language model, by the words that modules' names are made of.

Vision towers, audio encoders, projectors and the rest have no names in common, but their authors call them
by few words. The words decide two things: what people are told that a tensor is, and what is never taken for
a part of the language model however it is nested.
"""

import re

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
