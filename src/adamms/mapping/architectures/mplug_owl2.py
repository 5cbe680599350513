"""mPLUG-Owl2 (MAGAer13/mplug-owl2-llama2-7b): keys, values and norms exist once for text, once for images.

`multiway.0` serves text tokens, `multiway.1` image tokens and is the duplicate; queries, the output
projection and the MLP are shared by both.
"""

from adamms.mapping.architecture import Table, text, vision

MPLUG_OWL2 = Table(
    name="mPLUG-Owl2",
    marks=("self_attn.k_proj.multiway.0", "self_attn.k_proj.multiway.1"),
    layer={
        "input_layernorm.multiway.0": text("norm.input"),
        "input_layernorm.multiway.1": vision("norm.input"),
        "post_attention_layernorm.multiway.0": text("norm.post_attention"),
        "post_attention_layernorm.multiway.1": vision("norm.post_attention"),
        "self_attn.q_proj": text("attention.q"),
        "self_attn.k_proj.multiway.0": text("attention.k"),
        "self_attn.k_proj.multiway.1": vision("attention.k"),
        "self_attn.v_proj.multiway.0": text("attention.v"),
        "self_attn.v_proj.multiway.1": vision("attention.v"),
        "self_attn.o_proj": text("attention.o"),
        "mlp.gate_proj": text("mlp.gate"),
        "mlp.up_proj": text("mlp.up"),
        "mlp.down_proj": text("mlp.down"),
    },
    outside=(
        (r"\.visual_abstractor\.", "projector"),
        (r"\.vision_model\.", "vision encoder"),
    ),
)
