"""Task-vector methods put together from a sparsifier and a combiner, computed by hand."""

from typing import Any

import numpy as np
import pytest

from adamms.merging.composition import SIGN_CONSENSUS, WEIGHTED_SUM, Sparsifier, l1_scales, task_vector_method
from adamms.merging.method import Method, call
from adamms.merging.parameters import Parameter

FACTOR = Parameter("factor", 0.5, "what is left of each", 0, 1, per_model=True)


def shrink(deltas: list[np.ndarray], *, factor: tuple[float, ...]) -> list[np.ndarray]:
    for delta, share in zip(deltas, factor, strict=True):
        delta *= share
    return deltas


SHRINK = Sparsifier(shrink, (FACTOR,))
PRETRAINED = np.array([1, 1, 1], np.float32)
BASE = PRETRAINED + np.array([4, -4, 0], np.float32)
DONOR = PRETRAINED + np.array([8, 16, -8], np.float32)


def merge(combiner: Any, **given: Any) -> list[float]:
    rule = task_vector_method("shrunk", SHRINK, combiner, summary="a", source="b")
    known = {"factor": (0.5, 0.25), "weights": (1.0, 0.5), "lambda_": 2.0, **given}
    merged: np.ndarray = call(rule.function, {**known, "models": [BASE, DONOR], "pretrained": PRETRAINED})
    return merged.tolist()


def test_what_is_kept_is_weighed_and_added_up() -> None:
    # Kept: (2, -2, 0) and (2, 4, -2); weighted: (2, -2, 0) and (1, 2, -1).
    assert merge(WEIGHTED_SUM, normalize=False) == [1 + 2 * 3, 1 + 2 * 0, 1 + 2 * -1]
    assert merge(WEIGHTED_SUM, normalize=True) == [1 + 2 * 3 / 1.5, 1.0, pytest.approx(1 - 2 / 1.5)]


def test_what_is_kept_has_its_signs_elected() -> None:
    # Sums: 3, 0 (which counts as positive) and -1; of the agreeing: 3, 2, -1 by their weights 1.5, 0.5, 0.5.
    assert merge(SIGN_CONSENSUS, consensus="sum") == [1 + 2 * 3, 1 + 2 * 2, 1 + 2 * -1]
    assert merge(SIGN_CONSENSUS, consensus="mean") == [1 + 2 * 2, 1 + 2 * 4, 1 + 2 * -2]


def test_its_parameters_are_those_of_both_parts() -> None:
    rule = task_vector_method("shrunk", SHRINK, SIGN_CONSENSUS, summary="a", source="b")
    assert [parameter.name for parameter in rule.parameters] == [
        "alpha",
        "base_weight",
        "lambda",
        "factor",
        "consensus",
    ]
    assert rule.kernel is None
    assert Method(rule, {}).name == "shrunk"


def test_what_is_lost_of_the_l1_norm_is_given_back() -> None:
    reduction = l1_scales(shrink)
    total = call(reduction.map, {"models": [BASE, DONOR], "pretrained": PRETRAINED, "factor": (0.5, 0.0)})
    # 8 and 32 before, 4 and 0 after.
    assert total.tolist() == [8, 32, 4, 0]
    assert reduction.finalize(total) == {"scales": (2.0, 1.0)}
