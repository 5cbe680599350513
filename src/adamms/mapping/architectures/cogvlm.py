"""CogVLM (THUDM/cogvlm-chat-hf): every layer has a visual expert beside the language model's weights.

Attention is stored fused, `[Q; K; V]` along the rows. The visual expert duplicates the fused attention, the
output projection and the MLP; the norms are shared by both.
"""

from adamms.mapping.architecture import Table, text, vision

COGVLM = Table(
    name="CogVLM",
    marks=("self_attn.language_expert_query_key_value", "self_attn.vision_expert_query_key_value"),
    layer={
        "input_layernorm": text("norm.input"),
        "post_attention_layernorm": text("norm.post_attention"),
        "self_attn.language_expert_query_key_value": text("attention.q", "attention.k", "attention.v"),
        "self_attn.language_expert_dense": text("attention.o"),
        "mlp.language_mlp.gate_proj": text("mlp.gate"),
        "mlp.language_mlp.up_proj": text("mlp.up"),
        "mlp.language_mlp.down_proj": text("mlp.down"),
        "self_attn.vision_expert_query_key_value": vision("attention.q", "attention.k", "attention.v"),
        "self_attn.vision_expert_dense": vision("attention.o"),
        "mlp.vision_mlp.gate_proj": vision("mlp.gate"),
        "mlp.vision_mlp.up_proj": vision("mlp.up"),
        "mlp.vision_mlp.down_proj": vision("mlp.down"),
    },
    outside=(
        (r"\.vision\.[be]oi$", "image markers"),
        (r"\.vision\.linear_proj\.", "projector"),
        (r"\.vision\.", "vision encoder"),
    ),
)
