"""Settings that several families share: CLIP's normalisation, and the position encoding."""

from typing import Any

from proving_ground.scenes import SIZE

IMAGES: dict[str, Any] = {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 1 / 255,
}
CROPPED: dict[str, Any] = {
    **IMAGES,
    "crop_size": {"height": SIZE, "width": SIZE},
    "do_center_crop": True,
    "size": {"shortest_edge": SIZE},
}
SQUARE: dict[str, int] = {"height": SIZE, "width": SIZE}
ROPE: dict[str, Any] = {"rope_type": "default", "rope_theta": 10000.0}
