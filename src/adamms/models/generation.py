"""What answering questions about images needs beyond transformers' own mixin, alike for both architectures.

A search asks a model three things that transformers has no question for: which weights no image's vectors
depend on, how many vectors a prompt's images take, and how much of the cache the prompt fills.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn
from transformers import GenerationMixin


class ImageGenerationMixin(GenerationMixin):
    """transformers' generation; images are encoded once, before the prefill."""

    vision_modules: ClassVar[tuple[str, ...]]
    """The parts of the backbone that turn pixels into vectors."""

    def language_parameters(self) -> Iterator[nn.Parameter]:
        """Every weight that no image's vectors depend on; the duplicates for images are among them."""
        backbone: Any = self.base_model  # type: ignore[attr-defined]
        vision = [getattr(backbone, name) for name in self.vision_modules]
        outside = {id(parameter) for module in vision for parameter in module.parameters()}
        every: Iterator[nn.Parameter] = self.parameters()  # type: ignore[attr-defined]
        return (parameter for parameter in every if id(parameter) not in outside)

    def image_vectors(self, inputs: Mapping[str, Tensor]) -> int:
        """How many vectors the images of a prompt take, from the processor's inputs."""
        raise NotImplementedError

    def cache_length(self, inputs: Mapping[str, Tensor]) -> int:
        """How many positions of the cache a prompt fills: as many as it has ids."""
        return inputs["input_ids"].shape[1]

    def _prepare_multimodal_encoder_kwargs_for_generation(self, model_kwargs: dict[str, Any]) -> Any:
        """Let text-only callers pass `pixel_values=None`, as `generate(**inputs)` of a mixed set does."""
        if model_kwargs.get("pixel_values") is None:
            model_kwargs.pop("pixel_values", None)
        return super()._prepare_multimodal_encoder_kwargs_for_generation(model_kwargs)
