"""The decoder that most open models share, and the other spellings of its parts.

It is found under any prefix, so this one table covers every model that merely wraps a decoder. A name that
is not here is a role of its own: two models of one codebase map whatever their layers hold. A line is needed
only for what must match across codebases (`self_attn.q_proj`, `self_attn.to_q` and `attention.wq` are all
`attention.q`) or is stored fused.
"""

from adamms.mapping.architecture import Table, text

LLAMA_STYLE = Table(
    name="Llama-style decoder",
    marks=(),
    layer={
        "input_layernorm": text("norm.input"),
        "post_attention_layernorm": text("norm.post_attention"),
        "self_attn.q_proj": text("attention.q"),
        "self_attn.k_proj": text("attention.k"),
        "self_attn.v_proj": text("attention.v"),
        "self_attn.o_proj": text("attention.o"),
        "mlp.gate_proj": text("mlp.gate"),
        "mlp.up_proj": text("mlp.up"),
        "mlp.down_proj": text("mlp.down"),
        # Qwen3, Gemma 3
        "self_attn.q_norm": text("attention.q_norm"),
        "self_attn.k_norm": text("attention.k_norm"),
        # Gemma 2 and 3
        "pre_feedforward_layernorm": text("norm.pre_feedforward"),
        "post_feedforward_layernorm": text("norm.post_feedforward"),
        # Phi-3
        "self_attn.qkv_proj": text("attention.q", "attention.k", "attention.v"),
        "mlp.gate_up_proj": text("mlp.gate", "mlp.up"),
        # Cosmos
        "self_attn.to_q": text("attention.q"),
        "self_attn.to_k": text("attention.k"),
        "self_attn.to_v": text("attention.v"),
        "self_attn.to_out": text("attention.o"),
        "self_attn.norm_q": text("attention.q_norm"),
        "self_attn.norm_k": text("attention.k_norm"),
        # Hunyuan, LFM2
        "self_attn.query_layernorm": text("attention.q_norm"),
        "self_attn.key_layernorm": text("attention.k_norm"),
        "self_attn.q_layernorm": text("attention.q_norm"),
        "self_attn.k_layernorm": text("attention.k_norm"),
        # Meta's and Mistral's own names
        "attention.wq": text("attention.q"),
        "attention.wk": text("attention.k"),
        "attention.wv": text("attention.v"),
        "attention.wo": text("attention.o"),
        "attention_norm": text("norm.input"),
        "ffn_norm": text("norm.post_attention"),
        "feed_forward.w1": text("mlp.gate"),
        "feed_forward.w2": text("mlp.down"),
        "feed_forward.w3": text("mlp.up"),
        # Molmo 2
        "attn_norm": text("norm.input"),
        "ff_norm": text("norm.post_attention"),
        "self_attn.att_proj": text("attention.q", "attention.k", "attention.v"),
        "self_attn.attn_out": text("attention.o"),
        "mlp.ff_proj": text("mlp.up", "mlp.gate"),
        "mlp.ff_out": text("mlp.down"),
        # Mixtures of experts: Qwen2-MoE, Qwen3-MoE (one tensor an expert, or all experts in one)
        "mlp.gate": text("moe.router"),
        "mlp.experts.*.gate_proj": text("moe.*.gate"),
        "mlp.experts.*.up_proj": text("moe.*.up"),
        "mlp.experts.*.down_proj": text("moe.*.down"),
        "mlp.experts.gate_up_proj": text("moe.gate_up"),
        "mlp.experts.down_proj": text("moe.down"),
        "mlp.shared_expert.gate_proj": text("moe.shared.gate"),
        "mlp.shared_expert.up_proj": text("moe.shared.up"),
        "mlp.shared_expert.down_proj": text("moe.shared.down"),
        "mlp.shared_expert_gate": text("moe.shared.router"),
        # MiniMax
        "mlp.shared_experts.gate_up_proj": text("moe.shared.gate", "moe.shared.up"),
    },
)
