"""Coefficients by depth and by part."""

from typing import Any

import pytest

from adamms.merging.parameters import TensorLocation, coefficient_at


@pytest.mark.parametrize(
    ("coefficient", "depth", "part", "value"),
    [
        (0.3, 0.5, "mlp", 0.3),
        ([0.0, 1.0], 0.25, "mlp", 0.25),
        ([0.2, 0.4, 0.0], 0.75, "mlp", 0.2),
        ([0.2, 0.4, 0.0], 1.0, "mlp", 0.0),
        ([0.7], 0.9, "mlp", 0.7),
        ({"attention": 0.4, "default": 0.1}, 0.0, "mlp", 0.1),
        ({"attention": 0.4}, 0.0, "mlp", 0.0),
        ({"*.o_proj.weight": 0.9, "attention": [0.0, 0.5]}, 1.0, "attention", 0.9),
        ({"attention": [0.0, 0.5], "*.o_proj.weight": 0.9}, 1.0, "attention", 0.5),
    ],
)
def test_a_coefficient_by_depth_and_part(coefficient: Any, depth: float, part: str, value: float) -> None:
    location = TensorLocation("model.layers.3.self_attn.o_proj.weight", depth, part)
    assert coefficient_at(coefficient, location) == pytest.approx(value)
