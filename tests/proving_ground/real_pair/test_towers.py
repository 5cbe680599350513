"""DINOv2 under the names of InternVL and mPLUG-Owl2 says what DINOv2 says."""

import torch
from transformers import InternVLVisionModel

from adamms.models.mplug_owl2.configuration import MPLUGOwl2VisionConfig
from adamms.models.mplug_owl2.vision import MPLUGOwl2VisionModel
from proving_ground.real_pair.families.internvl import InternVL
from proving_ground.real_pair.towers import (
    internvl_names,
    last_norm,
    mplug_owl2_names,
    normalised,
    read_pictures,
)
from tests.proving_ground.real_pair.small_language import language, tower

PIXELS = torch.randint(
    0, 256, (3, 112, 112, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(8)
)


def _tokens() -> torch.Tensor:
    return last_norm(tower(), read_pictures(tower(), PIXELS, device="cpu"))


def test_internvl_holds_the_tower_exactly() -> None:
    config = InternVL()._config(language().config, tower().config.layer_norm_eps)
    model = InternVLVisionModel(config.vision_config).eval()
    model.load_state_dict(internvl_names(tower()))
    with torch.no_grad():
        said = model(next(normalised(PIXELS, device="cpu"))).last_hidden_state
    torch.testing.assert_close(said, _tokens(), atol=1e-4, rtol=1e-4)


def test_mplug_owl2_holds_it_nearly() -> None:
    config = MPLUGOwl2VisionConfig(
        hidden_size=384,
        intermediate_size=1536,
        num_hidden_layers=12,
        num_attention_heads=6,
        image_size=112,
        patch_size=14,
        hidden_act="gelu",
    )
    config._attn_implementation = "sdpa"
    model = MPLUGOwl2VisionModel(config).eval()
    model.load_state_dict(mplug_owl2_names(tower()))
    with torch.no_grad():
        said = model(next(normalised(PIXELS, device="cpu")))
    # Random embeddings vary in every direction, so losing one costs more than the 0.3 % of the real tower.
    assert (said - _tokens()).norm() / _tokens().norm() < 0.05
