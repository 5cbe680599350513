"""What `generate` needs beyond transformers' own mixin for a model that reads images.

Kept apart because it is the same for both architectures. This file knows no architecture.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any

from transformers import GenerationMixin


class ImageGenerationMixin(GenerationMixin):
    """transformers' generation; images are encoded once, before the prefill."""

    def _prepare_multimodal_encoder_kwargs_for_generation(self, model_kwargs: dict[str, Any]) -> Any:
        """Let text-only callers pass `pixel_values=None`, as `generate(**inputs)` of a mixed set does."""
        if model_kwargs.get("pixel_values") is None:
            model_kwargs.pop("pixel_values", None)
        return super()._prepare_multimodal_encoder_kwargs_for_generation(model_kwargs)
