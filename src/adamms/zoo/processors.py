"""The processors of both families at the zoo's size: image processors, chat templates, files on disk.

Built without torchvision (transformers' PIL image processors), yet the files written are complete: where
torchvision is installed, `AutoProcessor.from_pretrained` finds its video processor's settings too. Knows
nothing of models or training.
"""

import json
from pathlib import Path
from typing import Any

from adamms.zoo.models import SPECIALS, Family
from adamms.zoo.scenes import CELLS, SIZE
from adamms.zoo.vocabulary import tokenizer

QWEN2_VL_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAVA_ONEVISION_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}"
    "{{ '<video>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] }}{% endfor %}{% endif %}{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PRETRAINED_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATES: dict[Family, str] = {
    "qwen2-vl": QWEN2_VL_TEMPLATE,
    "llava-onevision": LLAVA_ONEVISION_TEMPLATE,
}

_SHARED_SETTINGS: dict[str, Any] = {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 1 / 255,
}
_FAMILY_SETTINGS: dict[Family, dict[str, Any]] = {
    "qwen2-vl": {
        "merge_size": 2,
        "patch_size": 8,
        "size": {"longest_edge": SIZE * SIZE, "shortest_edge": SIZE * SIZE},
        "temporal_patch_size": 2,
    },
    "llava-onevision": {"size": {"height": SIZE, "width": SIZE}},
}
_IMAGE_SETTINGS: dict[Family, dict[str, Any]] = {
    "qwen2-vl": {},
    "llava-onevision": {"do_pad": True, "image_grid_pinpoints": [[SIZE, SIZE]]},
}
_VIDEO_SETTINGS: dict[Family, dict[str, Any]] = {
    "qwen2-vl": {"max_frames": 768, "min_frames": 4},
    "llava-onevision": {},
}
_CLASS = {"qwen2-vl": "Qwen2VL", "llava-onevision": "LlavaOnevision"}
_PROCESSOR_SETTINGS: dict[Family, dict[str, Any]] = {
    "qwen2-vl": {},
    "llava-onevision": {
        "image_token": "<image>",
        "num_image_tokens": CELLS,
        "video_token": "<video>",
        "vision_aspect_ratio": "anyres_max_9",
        "vision_feature_select_strategy": "full",
    },
}


def image_processor(family: Family) -> Any:
    """Return the family's own image processor for 48 x 48 pictures: nine cells of 16 x 16 pixels."""
    settings = {**_SHARED_SETTINGS, **_FAMILY_SETTINGS[family], **_IMAGE_SETTINGS[family]}
    if family == "qwen2-vl":
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        return Qwen2VLImageProcessorPil(**settings)
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
        LlavaOnevisionImageProcessorPil,
    )

    return LlavaOnevisionImageProcessorPil(**settings)


def save_tokenizer(folder: Path, *, specials: tuple[str, ...], chat_template: str) -> None:
    """Write a model's tokenizer and chat template."""
    tokenizer(specials, chat_template=chat_template).save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that older transformers know, too
    _write(path, settings)


def save_processor(folder: Path, family: Family) -> None:
    """Write everything `AutoProcessor` and its older readers look for."""
    save_tokenizer(folder, specials=SPECIALS[family], chat_template=TEMPLATES[family])
    name = _CLASS[family]
    shared = {**_SHARED_SETTINGS, **_FAMILY_SETTINGS[family]}
    image = {**shared, **_IMAGE_SETTINGS[family], "image_processor_type": f"{name}ImageProcessor"}
    video = {
        **shared,
        **_VIDEO_SETTINGS[family],
        "do_sample_frames": False,
        "return_metadata": False,
        "video_processor_type": f"{name}VideoProcessor",
    }
    owner = {"processor_class": f"{name}Processor"}
    _write(folder / "preprocessor_config.json", {**image, **owner})
    _write(folder / "video_preprocessor_config.json", {**video, **owner})
    whole = {**_PROCESSOR_SETTINGS[family], **owner, "image_processor": image, "video_processor": video}
    _write(folder / "processor_config.json", whole)


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
