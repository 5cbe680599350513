"""A Qwen2-VL-7B and a LLaVA-OneVision-7B of real names, shapes and configurations, and random weights.

Written at the speed of memory, with what a search needs beside the weights: a tokenizer whose special tokens
have the published ids (every other token is a word of its own, so answers differ where tokens do), the image
processor's real patch sizes, a chat template, and questions about pictures of noise. Smaller sizes shrink
widths and depths, for a CPU: `tiny` for a rehearsal, `small` with heads that vLLM's kernels take.
"""

import json
import os
import random
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from synthetic import BYTES, Layout, header_of, real_layout

LAYOUTS = Path(__file__).resolve().parent.parent / "tests" / "data" / "layouts"
BASE, DONOR = "Qwen--Qwen2-VL-7B-Instruct", "llava-hf--llava-onevision-qwen2-7b-ov-hf"
# From <|endoftext|> on, in the order of the published vocabulary.
FIRST_SPECIAL = 151_643
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>"]
SPECIAL += ["<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>"]
SPECIAL += ["<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
TOKENS = {
    "image": "<|image_pad|>",
    "video": "<|video_pad|>",
    "vision_start": "<|vision_start|>",
    "vision_end": "<|vision_end|>",
}
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Shrinking:
    """Widths of the real layouts -> smaller ones; heads keep their number."""

    widths: dict[int, int]
    depth: int
    """Layers of each stack."""
    sections: list[int]
    """Of the rotary positions: half of a head."""
    words: int = FIRST_SPECIAL
    """Of the vocabulary; the special tokens come behind them."""


SIZES = {
    "full": None,
    "small": Shrinking(
        {3584: 896, 18944: 1536, 512: 128, 1280: 512, 3840: 1536, 5120: 2048, 1152: 512, 4304: 1024}
        | {152_064: 8192, 152_128: 8256},
        depth=4,
        sections=[4, 6, 6],
        words=8000,
    ),
    "tiny": Shrinking(
        {3584: 224, 18944: 256, 512: 32, 1280: 64, 3840: 192, 5120: 256, 1152: 64, 4304: 96},
        depth=2,
        sections=[1, 1, 2],
    ),
}
CHUNK = 1 << 26


def write_pair(folder: Path, *, size: str, inputs: int) -> tuple[Path, Path, Path, int]:
    """Write both models and the questions.

    Returns:
        The base, the donor, the questions' file, and the bytes of all tensors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    words = FIRST_SPECIAL if (shrinking := SIZES[size]) is None else shrinking.words
    for seed, (role, name) in enumerate((("base", BASE), ("donor", DONOR))):
        layout, config = real_layout(LAYOUTS / f"{name}.json.gz")
        if shrinking is not None:
            layout, config = shrunk(layout, config, shrinking)
        (folder / role).mkdir()
        named = {f"{name}_token_id": words + SPECIAL.index(token) for name, token in TOKENS.items()}
        config |= named if role == "base" else {}
        (folder / role / "config.json").write_text(json.dumps(config))
        written += write_weights(folder / role / "model.safetensors", layout, seed=seed)
        write_tokenizer(folder / role, words)
    write_processor(folder / "base", words)
    return folder / "base", folder / "donor", write_questions(folder, inputs, words), written


def shrunk(layout: Layout, config: dict[str, Any], shrinking: Shrinking) -> tuple[Layout, dict[str, Any]]:
    """The same names at a fraction of the width, and fewer layers of each stack."""
    widths = shrinking.widths

    def value(name: str, number: Any) -> Any:
        if name in ("depth", "num_hidden_layers"):
            return shrinking.depth
        if name == "mrope_section":
            return shrinking.sections
        if isinstance(number, dict):
            return {key: value(key, each) for key, each in number.items()}
        return widths.get(number, number) if isinstance(number, int) else number

    small = {
        name: (tuple(widths.get(size, size) for size in shape), dtype)
        for name, (shape, dtype) in layout.items()
        if all(int(number) < shrinking.depth or "merger" in name for number in re.findall(r"\.(\d+)\.", name))
    }
    return small, value("", config)


def write_weights(path: Path, layout: Layout, *, seed: int) -> int:
    """One safetensors file of one random block repeated, norms' weights 1; returns the tensors' bytes."""
    head, header, total = header_of(layout)
    (dtype,) = {dtype for _, dtype in layout.values()}
    count = min(CHUNK, total) // BYTES[dtype]
    block = stored(np.random.default_rng(seed).standard_normal(count, dtype=np.float32) * 0.02, dtype)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + total)
        file.flush()
        descriptor, start = file.fileno(), len(head)

        def write(position: int) -> None:
            view = memoryview(block)[: min(len(block), total - position)]
            while view:
                done = os.pwrite(descriptor, view, start + position)
                view, position = view[done:], position + done

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(0, total, len(block))))
        for name, (shape, _) in layout.items():
            if len(shape) == 1 and name.endswith("weight"):
                ones = stored(np.ones(prod(shape), np.float32), dtype)
                os.pwrite(descriptor, ones, start + header[name]["data_offsets"][0])
    return total


def stored(values: np.ndarray, dtype: str) -> bytes:
    """float32 values as they are stored, cut off rather than rounded."""
    if dtype == "F16":
        return values.astype(np.float16).tobytes()
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()


def write_tokenizer(folder: Path, count: int) -> None:
    """Words, one token each, and the special tokens where the real vocabulary has them."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["unknown", "user", "assistant"]
    vocabulary = {word: index for index, word in enumerate(words)}
    vocabulary |= {f"w{index}": index for index in range(len(words), count)}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="unknown"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.add_special_tokens(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        image_token="<|image_pad|>",
        video_token="<|video_pad|>",
        extra_special_tokens=SPECIAL,
        model_max_length=32_768,
    )
    assert tokenizer.convert_tokens_to_ids("<|image_pad|>") == count + 12
    tokenizer.save_pretrained(folder)


def write_processor(folder: Path, words: int) -> None:
    """The rest of the published folder: image processor, chat template, generation config."""
    image = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2VLProcessor",
        "min_pixels": 3136,
        "max_pixels": 12_845_056,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    ends = {"bos_token_id": words, "pad_token_id": words, "eos_token_id": [words + 2, words]}
    (folder / "preprocessor_config.json").write_text(json.dumps(image))
    (folder / "generation_config.json").write_text(json.dumps(ends))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def write_questions(folder: Path, count: int, vocabulary: int) -> Path:
    """Pictures of noise of 640 x 480 (391 image tokens) and prompts of 30 to 60 words."""
    from PIL import Image

    draw = random.Random(0)
    noise = np.random.default_rng(0)
    lines = []
    for index in range(count):
        pixels = noise.integers(0, 256, (480, 640, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.bmp")
        words = [f"w{draw.randrange(3, vocabulary)}" for _ in range(draw.randint(30, 60))]
        lines.append(json.dumps({"id": str(index), "image": f"{index}.bmp", "prompt": " ".join(words)}))
    (folder / "questions.jsonl").write_text("\n".join(lines))
    return folder / "questions.jsonl"
