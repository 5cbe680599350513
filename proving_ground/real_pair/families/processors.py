"""The files of a processor: image settings, tokenizer, chat template."""

import json
from pathlib import Path
from typing import Any

from proving_ground.real_pair.towers import MEAN, SIDE, STD

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""SmolLM2's turns; IMAGE is replaced."""


def image_settings(kind: str) -> dict[str, Any]:
    """Return the settings of an image processor of that class: 112 pixels, DINOv2's mean and deviation."""
    size = {"height": SIDE, "width": SIDE}
    return {
        "image_processor_type": kind,
        "do_resize": True,
        "size": size,
        "do_center_crop": False,
        "do_rescale": True,
        "do_normalize": True,
        "image_mean": list(MEAN),
        "image_std": list(STD),
        "do_convert_rgb": True,
        "resample": 3,
    }


def save_processor_files(
    folder: Path,
    tokenizer: Any,
    *,
    template: str,
    processor: dict[str, Any],
    image: dict[str, Any],
    tokens: dict[str, str] | None = None,
) -> None:
    """Write tokenizer, template and processor.

    Args:
        folder: the checkpoint's.
        tokenizer: SmolLM2's.
        template: jinja.
        processor: the processor's settings, its class among them.
        image: the image processor's settings.
        tokens: names of tokens that the processor asks its tokenizer for.
    """
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast", **(tokens or {})}
    settings.pop("backend", None)
    if tokens:
        settings["extra_special_tokens"] = tokens
    _write(path, settings)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    _write(folder / "processor_config.json", processor)
    _write(folder / "preprocessor_config.json", {**image, "processor_class": processor["processor_class"]})


def _write(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
