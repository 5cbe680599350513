"""The decoder that most open models share: Llama, Qwen2/2.5/3, Mistral, Yi, Gemma, SmolLM, Phi-3.

It is found under any prefix, so this one table covers every model that merely wraps such a decoder:
Qwen2-VL, Qwen2.5-VL, Qwen3-VL, LLaVA and LLaVA-OneVision in all namings, InternVL, MiniCPM-V, Gemma 3,
SmolVLM, Cambrian, Yi-VL, and the plain language models.
"""

from adamms.mapping.architecture import Table, text

LLAMA_STYLE = Table(
    name="Llama-style decoder",
    marks=("input_layernorm", "self_attn.o_proj"),
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
    },
)
