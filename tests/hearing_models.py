"""Tiny models that hear, of transformers' own classes, each with its own processor, and sound to be heard."""

import json
from pathlib import Path
from typing import Any

import numpy as np

import tiny_models

AUDIO, RATE = "<|AUDIO|>", 16_000
FAMILIES = ("qwen2_audio", "granite_speech", "audioflamingo3", "qwen2_5_omni_thinker")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% for part in message.content %}{% if part.type == 'audio' %}AUDIO{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WHISPER = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "feature_size": 16,
    "chunk_length": 2,
    "sampling_rate": RATE,
    "n_fft": 400,
    "hop_length": 160,
    "return_attention_mask": True,
}
TOWER: dict[str, Any] = {
    "num_mel_bins": 16,
    "d_model": 16,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "max_source_positions": 100,
}


def build(family: str, folder: Path, *, seed: int = 0) -> Path:
    """Write one tiny model of `family`: weights, config, tokenizer, processor and chat template."""
    import torch
    import transformers

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_models.write_tokenizer(family, folder)
    names = {"audio_token": AUDIO, "audio_bos_token": "<|a|>", "audio_eos_token": "<|b|>"}
    names |= {"vision_bos_token": "<|v|>", "vision_eos_token": "<|w|>"}
    tokenizer.add_special_tokens({"extra_special_tokens": [*tokenizer.extra_special_tokens, *names.values()]})
    tokenizer.init_kwargs |= names
    tokenizer.save_pretrained(folder)
    audio = tokenizer.convert_tokens_to_ids(AUDIO)
    text = tiny_models.text_config("qwen2", tokenizer, tied=False, layers=2) | {"model_type": "qwen2"}
    text["vocab_size"] = -(-len(tokenizer) // 8) * 8
    config, model_class = _config(family, text, audio)
    model = getattr(transformers, model_class)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.2)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(tiny_models.STOP)
    model.generation_config.pad_token_id = tokenizer.convert_tokens_to_ids(tiny_models.PAD)
    model.save_pretrained(folder)
    _write_processor(family, folder)
    return folder


def _config(family: str, text: dict[str, Any], audio: int) -> tuple[Any, str]:
    import transformers

    width = text["hidden_size"]
    if family == "qwen2_audio":
        config = transformers.Qwen2AudioConfig(
            audio_config=TOWER | {"model_type": "qwen2_audio_encoder"},
            text_config=text,
            audio_token_index=audio,
        )
        return config, "Qwen2AudioForConditionalGeneration"
    if family == "audioflamingo3":
        tower = {
            "num_mel_bins": 16,
            "hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "max_source_positions": 100,
        }
        config = transformers.AudioFlamingo3Config(
            audio_config=tower | {"model_type": "audioflamingo3_encoder"},
            text_config=text,
            audio_token_id=audio,
        )
        return config, "AudioFlamingo3ForConditionalGeneration"
    if family == "granite_speech":
        encoder = {
            "input_dim": 160,
            "hidden_dim": 16,
            "num_layers": 2,
            "num_heads": 2,
            "dim_head": 8,
            "output_dim": 24,
            "context_size": 20,
            "feedforward_mult": 2,
        }
        projector = {
            "model_type": "blip_2_qformer",
            "hidden_size": 16,
            "encoder_hidden_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 24,
        }
        config = transformers.GraniteSpeechConfig(
            encoder_config=encoder,
            projector_config=projector,
            text_config=text,
            audio_token_index=audio,
            has_lora_adapter=False,
        )
        return config, "GraniteSpeechForConditionalGeneration"
    tower = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_heads": 2,
        "patch_size": 4,
        "out_hidden_size": width,
        "fullatt_block_indexes": [0],
    }
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
    config = transformers.Qwen2_5OmniThinkerConfig(
        audio_config=TOWER | {"output_dim": width, "n_window": 50},
        vision_config=tower,
        text_config=text | {"model_type": "qwen2_5_omni_text", "rope_parameters": rope},
        audio_token_index=audio,
        tie_word_embeddings=False,
        vision_start_token_id=audio + 3,
        vision_end_token_id=audio + 4,
        audio_start_token_id=audio + 1,
        audio_end_token_id=audio + 2,
    )
    return config, "Qwen2_5OmniThinkerForConditionalGeneration"


def _write_processor(family: str, folder: Path) -> None:
    template, extractor, processor = TEMPLATE.replace("AUDIO", AUDIO), WHISPER, {}
    kind = {
        "qwen2_audio": "Qwen2AudioProcessor",
        "granite_speech": "GraniteSpeechProcessor",
        "audioflamingo3": "AudioFlamingo3Processor",
        "qwen2_5_omni_thinker": "Qwen2_5OmniProcessor",
    }[family]
    if family == "granite_speech":
        extractor = {"feature_extractor_type": "GraniteSpeechFeatureExtractor", "sampling_rate": RATE}
        processor = {"audio_token": AUDIO}
    if family == "audioflamingo3":
        processor = {"audio_token": AUDIO}
    if family == "qwen2_5_omni_thinker":
        extractor = extractor | {
            "image_processor_type": "Qwen2VLImageProcessor",
            "patch_size": 4,
            "merge_size": 2,
            "size": {"shortest_edge": 64, "longest_edge": 1024},
        }
        template = TEMPLATE.replace("AUDIO", f"<|a|>{AUDIO}<|b|>")
    tiny_models.write_json(folder / "preprocessor_config.json", extractor | {"processor_class": kind})
    tiny_models.write_json(folder / "processor_config.json", {"processor_class": kind} | processor)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def tone(
    path: Path, *, pitch: float = 440.0, seconds: float = 0.5, rate: int = RATE, channels: int = 1
) -> Path:
    """Write a sine as a WAV file."""
    import soundfile

    samples = 0.5 * np.sin(2 * np.pi * pitch * np.arange(int(seconds * rate)) / rate)
    soundfile.write(path, np.repeat(samples[:, None], channels, axis=1).astype(np.float32), rate)
    return path


def write_questions(folder: Path, count: int = 4) -> Path:
    """Questions about tones, and one in words alone."""
    lines: list[dict[str, Any]] = [
        {"audio": tone(folder / f"{n}.wav", pitch=220.0 * (n + 1)).name, "prompt": f"Which note is it, {n}?"}
        for n in range(count)
    ]
    lines.append({"prompt": "How are you?"})
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
