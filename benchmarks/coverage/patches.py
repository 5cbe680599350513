"""What a configuration needs beside small sizes, a line a model type."""

from typing import Any

TOWER = {
    "model_type": "siglip_vision_model",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 56,
    "patch_size": 14,
}
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
IMAGE_CODES = {"IMGIMG" + "".join(chr(65 + int(digit)) for digit in str(i)) + "Z": 320 + i for i in range(64)}
PATCHES: dict[str, dict[str, Any]] = {
    "chameleon": {
        "vocabulary_map": {"<image>": 310, **IMAGE_CODES},
        "vq_config": {"channel_multiplier": [1, 1], "resolution": 32},
    },
    "cohere_compass": {"text_config": {"rope_parameters": {"full_attention": dict(ROPE)}}},
    "deepseek_ocr2": {
        "text_config": {"mlp_layer_types": ["dense", "sparse", "sparse", "sparse"], "num_experts_per_tok": 2},
        "vision_config": {"sam_config": {"downsample_channels": [32, 64], "num_hidden_layers": 2}},
    },
    "gemma4": {"text_config": {"per_layer_config": {"__replace__": True, 3: {"head_dim": 32}}}},
    "gemma4_unified": {"text_config": {"per_layer_config": {"__replace__": True, 3: {"head_dim": 32}}}},
    "diffusion_gemma": {
        "text_config": {
            "per_layer_config": {"__replace__": True, 3: {"head_dim": 32}},
            "num_experts": 4,
            "top_k_experts": 2,
            "moe_intermediate_size": 32,
        }
    },
    "dots3_note": {
        "text_config": {
            "per_layer_config": {"__replace__": True, 2: {"num_attention_heads": 4, "kv_lora_rank": 16}}
        },
        "vision_config": {"per_layer_config": {"__replace__": True}},
    },
    "emu3": {
        "vocabulary_map": {
            "<image>": 310,
            "<|extra_200|>": 311,
            "<|image token|>": 312,
            **{f"<|visual token {i:06d}|>": 320 + i for i in range(64)},
        },
        "vq_config": {"channel_multiplier": [1, 1], "attn_resolutions": []},
    },
    "ernie4_5_vl_moe": {
        "text_config": {"moe_intermediate_size": [32, 32], "rope_parameters": {"mrope_section": [2, 2, 4]}}
    },
    "fast_vlm": {"vision_config": {"__replace__": True, **TOWER}},
    "perception_lm": {"vision_config": {"model_args": {"embed_dim": 64}}},
    "florence2": {
        "vision_config": {
            "embed_dim": [16, 16, 32, 64],
            "depths": [1, 1, 1, 1],
            "num_heads": [2, 2, 4, 4],
            "num_groups": [2, 2, 4, 4],
        }
    },
    "gemma3n": {
        "text_config": {"intermediate_size": 96, "num_kv_shared_layers": 0},
        "vision_config": {"vocab_size": 8, "vocab_offset": 320},
        "audio_config": {"vocab_size": 8, "vocab_offset": 328, "sscp_conv_channel_size": [8, 8]},
    },
    "glm5_next": {"text_config": {"index_topk": 16}},
    "granite4_vision": {"deepstack_layer_map": [[0, 0], [1, 1]], "downsample_rate": "1/2"},
    "hunyuan_vl": {"text_config": {"head_dim": 16}},
    "molmo2": {"adapter_config": {"vision_feature_layer": [0, 1]}, "vision_config": {"image_size": [56, 56]}},
    "muse_spark": {"audio_config": {"patch_sizes": [4, 2], "hidden_sizes": [32, 64], "depths": [1, 1]}},
    "qwen4_exp": {
        "text_config": {
            "indexer_n_heads": 2,
            "indexer_kv_heads": 1,
            "indexer_head_dim": 16,
            "indexer_budget": 8,
            "indexer_compress_ratio": 4,
            "ple_layer_ids": [1],
            "eos_token_id": 1,
        }
    },
    "fun_asr_nano": {
        "adaptor_config": {"intermediate_size": 16},
        "audio_config": {"num_timestamp_prediction_layers": 2},
    },
    "kyutai_speech_to_text": {
        "codec_config": {"upsample_groups": 64, "num_filters": 8},
        "codebook_vocab_size": 65,
    },
    "qwen3_omni_moe": {
        "talker_config": {"spatial_merge_size": 2, "text_config": {"shared_expert_intermediate_size": 32}}
    },
    "vibevoice_asr": {
        f"{k}_tokenizer_encoder_config": {"downsampling_ratios": [2, 2], "depths": [1, 1, 1]}
        for k in ("acoustic", "semantic")
    },
    "mllama": {"text_config": {"cross_attention_layers": [1, 3], "rope_parameters": dict(ROPE)}},
    "idefics": {"cross_layer_interval": 2},
    "unlimited_ocr": {},
}
