"""Properties that hold for every method, and hand-made cases of single ones."""

import itertools
import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adamms.errors import MergeError
from adamms.merging import all_methods, find_method, make_method, methods
from adamms.merging.draws import SeededDraws
from adamms.merging.method import as_parameters, call
from adamms.merging.methods.karcher import karcher_coefficients
from adamms.merging.methods.nearswap import nearswap
from adamms.merging.parameters import TensorLocation

ROOT = Path(__file__).parents[2]
NEEDS_ALPHA = {"alpha": 0.4}
# Multiples of 1/64: float32 adds and subtracts them exactly, and many tie.
grid = st.integers(-512, 512).map(lambda number: number / 64)
triples = st.integers(2, 40).flatmap(
    lambda size: st.tuples(*[npst.arrays(np.float32, size, elements=grid) for _ in range(3)])
)


def alpha_of(name: str) -> dict[str, Any]:
    alpha = find_method(name).parameter("alpha")
    return NEEDS_ALPHA if alpha is not None and alpha.required else {}


def apply(
    name: str,
    models: list[np.ndarray],
    pretrained: np.ndarray,
    *,
    weights: tuple[float, ...] | None = None,
    blocks: int = 1,
    **given_settings: Any,
) -> np.ndarray:
    """RowSpan a method's passes and its function on vectors held in memory, in so many blocks."""
    method = make_method(name, {**alpha_of(name), **given_settings})
    rule = method.rule
    size = len(pretrained)
    draws = SeededDraws(method.settings.get("seed", 0))
    given: dict[str, Any] = {
        **as_parameters(method.settings),
        **method.values(TensorLocation("t"), donors=len(models) - 1),
        "weights": weights or method.weights(TensorLocation("t"), donors=len(models) - 1),
    }

    def block(start: int, stop: int) -> dict[str, Any]:
        values: dict[str, Any] = {
            "models": [model[start:stop].copy() for model in models],
            "draws": [draws.draw("t", model, start, stop - start) for model in range(len(models))],
            "width": stop - start,
            "accumulated": None,
        }
        if rule.pretrained != "unused":
            values["pretrained"] = pretrained[start:stop].copy()
        return values

    cuts = [size * at // blocks for at in range(blocks + 1)]
    runs = [(start, stop) for start, stop in itertools.pairwise(cuts) if stop > start]
    for reduction in method.reductions:
        total: Any = sum(call(reduction.map, {**given, **block(*run)}) for run in runs)
        given |= call(reduction.finalize, {**given, "total": total, "count": size})
    return np.concatenate([call(rule.function, {**given, **block(*run)}) for run in runs])


TASK_VECTOR = [method.name for method in all_methods() if method.pretrained == "needed"]
WITH_LAMBDA = [name for name in TASK_VECTOR if find_method(name).parameter("lambda")]
BLOCKWISE = [method.name for method in all_methods() if method.name not in ("della", "della_linear")]


@pytest.mark.parametrize("name", WITH_LAMBDA)
@given(triples)
@settings(max_examples=6, deadline=None)
def test_lambda_0_is_the_ancestor(name: str, vectors: tuple[np.ndarray, ...]) -> None:
    base, donor, pretrained = vectors
    merged = apply(name, [base, donor], pretrained, **{"lambda": 0})
    assert np.array_equal(merged, pretrained)


@pytest.mark.parametrize("name", ["task_arithmetic", "ties", "dare_linear", "dare_ties"])
@given(triples)
@settings(max_examples=6, deadline=None)
def test_alpha_0_without_thinning_is_the_base(name: str, vectors: tuple[np.ndarray, ...]) -> None:
    base, donor, pretrained = vectors
    whole = {"ties": {"density": 1}, "dare_linear": {"drop": 0}, "dare_ties": {"drop": 0}}.get(name, {})
    assert np.array_equal(apply(name, [base, donor], pretrained, alpha=0, **whole), base)


@pytest.mark.parametrize(
    ("thinned", "plain", "nothing"),
    [
        ("dare_linear", "task_arithmetic", {"drop": 0}),
        ("breadcrumbs", "task_arithmetic", {"density": 1}),
        ("dare_ties", "ties", {"drop": 0}),
        ("breadcrumbs_ties", "ties", {"density": 1}),
    ],
)
@given(triples)
@settings(max_examples=6, deadline=None)
def test_density_1_equals_the_method_without_thinning(
    thinned: str, plain: str, nothing: dict[str, Any], vectors: tuple[np.ndarray, ...]
) -> None:
    base, donor, pretrained = vectors
    reference = apply(plain, [base, donor], pretrained, **({"density": 1} if plain == "ties" else {}))
    assert np.array_equal(apply(thinned, [base, donor], pretrained, **nothing), reference)


@pytest.mark.parametrize(
    "name",
    [
        "task_arithmetic",
        "ties",
        "metagpt",
        "breadcrumbs",
        "breadcrumbs_ties",
        "sce",
        "model_stock",
        "nan",
        "karcher",
    ],
)
@given(triples)
@settings(max_examples=6, deadline=None)
def test_the_order_of_models_of_equal_weight_does_not_matter(
    name: str, vectors: tuple[np.ndarray, ...]
) -> None:
    one, two, pretrained = vectors
    weights = (0.5, 0.5)
    first = apply(name, [one, two], pretrained, weights=weights)
    second = apply(name, [two, one], pretrained, weights=weights)
    if not np.isfinite(first).all() or (name == "karcher" and _opposite(one, two)):
        return  # Task vectors or models that point exactly apart have no mean direction.
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-5)


def _opposite(one: np.ndarray, two: np.ndarray) -> bool:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(two))
    return lengths == 0 or float(one @ two) / lengths < -0.999


@pytest.mark.parametrize("name", BLOCKWISE)
@given(triples, st.integers(2, 5))
@settings(max_examples=6, deadline=None)
def test_blocks_do_not_matter(name: str, vectors: tuple[np.ndarray, ...], blocks: int) -> None:
    base, donor, pretrained = vectors
    whole = apply(name, [base, donor], pretrained)
    assert np.array_equal(apply(name, [base, donor], pretrained, blocks=blocks), whole)


@pytest.mark.parametrize("name", [method.name for method in all_methods()])
@given(triples)
@settings(max_examples=6, deadline=None)
def test_inputs_are_left_alone(name: str, vectors: tuple[np.ndarray, ...]) -> None:
    base, donor, pretrained = vectors
    before = [vector.tobytes() for vector in vectors]
    apply(name, [base, donor], pretrained)
    assert [vector.tobytes() for vector in vectors] == before


def test_ties_by_hand() -> None:
    pretrained = np.array([1, 1, 1, 1], np.float32)
    base = pretrained + np.array([4, -2, 0.5, 0], np.float32)
    donor = pretrained + np.array([2, 3, 0.25, -1], np.float32)
    half = {"density": 0.5, "trim": "tensor", "lambda": 2.0}
    # Kept: (4, -2, 0, 0) and (2, 3, 0, 0); elected: +, +; means: 3 and 3.
    merged = apply("ties", [base, donor], pretrained, consensus="mean", **half)
    assert merged.tolist() == [7.0, 7.0, 1.0, 1.0]
    merged = apply("ties", [base, donor], pretrained, consensus="sum", **half)
    assert merged.tolist() == [13.0, 7.0, 1.0, 1.0]


class DrawnInTheMiddle:
    """Numbers that keep an entry exactly where its probability is above one half."""

    def draw(self, name: str, model: int, start: int, count: int) -> np.ndarray:
        return np.zeros(count, np.int16)


@pytest.mark.parametrize("name", ["della", "della_linear"])
def test_della_keeps_the_large_entries_of_a_row_more_than_the_small_by_hand(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SeededDraws", lambda seed: DrawnInTheMiddle())
    pretrained = np.array([1, 1, 1, 1], np.float32)
    # Magnitudes rank 0, 2, 1, 3 of 3: kept with 0.25, 0.583, 0.417 and 0.75.
    base, donor = pretrained + np.array([1, -3, 2, 4], np.float32), pretrained
    own = {"density": 0.5, "epsilon": 0.25, "alpha": 0.0}
    merged = apply(name, [base, donor], pretrained, rescale="none", **own)
    assert merged.tolist() == [1, 1 - 3, 1, 1 + 4]
    # What stays is divided by its own probability.
    merged = apply(name, [base, donor], pretrained, rescale="keep", **own)
    assert merged.tolist() == pytest.approx([1, 1 - 3 / (7 / 12), 1, 1 + 4 / 0.75])


@pytest.mark.parametrize("array", [np.array, torch.tensor])
def test_nearswap_by_hand(array: Any) -> None:
    base, donor = array([1.0, 1.0, 1.0]), array([1.0, 1.25, 3.0])
    assert nearswap([base, donor], t=0.5).tolist() == [1.0, 1.25, 1.5]
    assert nearswap([base, donor], t=0.0).tolist() == [1.0, 1.0, 1.0]
    assert math.isnan(nearswap([array([math.nan]), array([1.0])], t=0.5)[0])


def test_the_karcher_mean_of_two_is_the_middle_of_their_arc() -> None:
    first, second = karcher_coefficients(((1.0, 0.0), (0.0, 1.0)), (0.5, 0.5))
    assert first == pytest.approx(math.sqrt(0.5))
    assert second == pytest.approx(math.sqrt(0.5))
    # A share of the arc is slerp, where the lengths are equal.
    first, second = karcher_coefficients(((4.0, 0.0), (0.0, 4.0)), (0.75, 0.25))
    assert first == pytest.approx(math.cos(math.pi / 8), abs=1e-8)
    assert second == pytest.approx(math.sin(math.pi / 8), abs=1e-8)


def test_one_model_of_the_karcher_mean_alone_is_itself_at_the_mean_length() -> None:
    # Alone by its weight: bit for bit.
    assert karcher_coefficients(((4.0, 1.0), (1.0, 9.0)), (1.0, 0.0)) == [1.0, 0.0]
    # Alone because the other is zero: its direction, and half its length.
    assert karcher_coefficients(((0.0, 0.0), (0.0, 9.0)), (0.5, 0.5)) == [0.0, 0.5]


@pytest.mark.parametrize("name", ["slerp", "nuslerp", "karcher", "linear"])
@given(triples)
@settings(max_examples=10, deadline=None)
def test_the_ends_of_the_way_are_the_models(name: str, vectors: tuple[np.ndarray, ...]) -> None:
    base, donor, _ = vectors
    zeros = np.zeros_like(base)
    for one, two in ((base, donor), (base, zeros), (zeros, donor), (base, -base), (base, 2 * base)):
        ends = [_without_ancestor(name, one, two, alpha) for alpha in (0, 1)]
        assert ends[0].tobytes() == one.tobytes() or name == "nuslerp"
        np.testing.assert_allclose(ends[0], one, rtol=1e-6, atol=0)
        np.testing.assert_allclose(ends[1], two, rtol=1e-6, atol=0)


def _without_ancestor(name: str, one: np.ndarray, two: np.ndarray, alpha: float) -> np.ndarray:
    method = make_method(name, {"alpha": alpha})
    given_: dict[str, Any] = {
        **as_parameters(method.settings),
        "models": [one.copy(), two.copy()],
        "weights": (1 - alpha, alpha),
        "width": len(one),
    }
    for reduction in method.reductions:
        total = call(reduction.map, given_)
        given_ |= call(reduction.finalize, {**given_, "total": total, "count": len(one)})
    merged: np.ndarray = call(method.rule.function, given_)
    return merged


@given(triples)
@settings(max_examples=10, deadline=None)
def test_what_says_that_it_gives_the_base_does(vectors: tuple[np.ndarray, ...]) -> None:
    base, donor, pretrained = vectors
    found = []
    for rule in all_methods():
        if rule.parameter("alpha") and make_method(rule.name, {"alpha": 0.0}).gives_base:
            found.append(rule.name)
            merged = apply(rule.name, [base, donor], pretrained, alpha=0.0)
            np.testing.assert_allclose(merged, base, rtol=0, atol=1e-6)
    assert sorted(found) == ["karcher", "linear", "nuslerp", "slerp", "task_arithmetic"]


@pytest.mark.parametrize("over", ["tensor", "rows"])
def test_opposite_vectors_have_no_arc_but_a_line(over: str) -> None:
    base = np.array([0.1, -0.7, 0.3, 1.1, 0.9], np.float32)
    # Of another length, so that nothing cancels.
    models = [base, np.float32(-0.9) * base]
    method = make_method("nuslerp", {"alpha": 0.5, "over": over})
    given_: dict[str, Any] = {"models": models, "weights": (0.5, 0.5), "width": 5, "over": over}
    for reduction in method.reductions:
        given_ |= call(reduction.finalize, {"total": call(reduction.map, given_)})
    np.testing.assert_allclose(call(method.rule.function, given_), np.float32(0.05) * base, rtol=1e-5)


def test_parallel_rows_are_at_no_angle_however_they_round() -> None:
    rows = np.random.default_rng(2).standard_normal((400, 7)).astype(np.float32)
    flat = rows.reshape(-1)
    method = make_method("nuslerp", {"alpha": 0.5, "over": "rows"})
    given_: dict[str, Any] = {"models": [flat, flat * 3], "weights": (0.5, 0.5), "width": 7, "over": "rows"}
    np.testing.assert_allclose(call(method.rule.function, given_), flat * 2, rtol=1e-6)


@pytest.mark.parametrize("over", ["tensor", "rows"])
def test_where_a_model_did_not_move_model_stock_stays_with_the_ancestor(over: str) -> None:
    pretrained, moved = np.array([1, 2, 3], np.float32), np.array([2, 2, 5], np.float32)
    merged = apply("model_stock", [pretrained, moved], pretrained, over=over)
    assert np.array_equal(merged, pretrained)


@pytest.mark.parametrize("name", ["ties", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear"])
@given(triples)
@settings(max_examples=6, deadline=None)
def test_density_0_keeps_nothing_and_1_everything(name: str, vectors: tuple[np.ndarray, ...]) -> None:
    base, donor, pretrained = vectors
    nothing = apply(name, [base, donor], pretrained, density=0)
    assert np.array_equal(nothing, pretrained)
    plain = "task_arithmetic" if name in ("breadcrumbs", "della_linear") else "ties"
    everything = apply(plain, [base, donor], pretrained, **({"density": 1} if plain == "ties" else {}))
    assert np.array_equal(apply(name, [base, donor], pretrained, density=1), everything)


def test_densities_of_their_own_by_hand() -> None:
    pretrained = np.zeros(4, np.float32)
    base, donor = np.array([4, -3, 2, 1], np.float32), np.array([10, 30, -20, 40], np.float32)
    own = {"base.density": 0.5, "donor.density": 0.25, "trim": "tensor", "consensus": "sum"}
    # The base keeps 4 and -3, the donor 40.
    assert apply("ties", [base, donor], pretrained, **own).tolist() == [4, -3, 0, 40]
    own = {"density": 0.5, "donor.density": 0.75, "gamma": 0, "base.gamma": 0.25}
    # The base loses 4 and keeps the next two; the donor keeps its three largest.
    assert apply("breadcrumbs", [base, donor], pretrained, **own).tolist() == [0, 27, -18, 40]


@pytest.mark.parametrize(
    ("name", "given_settings", "said"),
    [
        ("ties", {"density": 1.5}, "density must be a number from 0 to 1 .*, not 1.5"),
        ("ties", {"trim": "layer"}, "trim of the method ties must be one of global, tensor"),
        ("ties", {"alpha": {"attn": 0.5}}, "entry for 'attn'"),
        ("ties", {"alpha": []}, "alpha is empty"),
        ("ties", {"lambda": float("nan")}, "lambda must be a number from 0 upwards"),
        ("ties", {"lambda": 10**400}, "lambda must be a number from 0 upwards"),
        ("nearswap", {"t": 10**400}, "t must be a number from 0"),
        ("dare_linear", {"seed": 0.5}, "a whole number"),
        ("dare_linear", {"drop": -0.1}, "from 0 to 1"),
        ("della", {"density": 0.95, "epsilon": 0.1}, "at most 1"),
        ("metagpt", {"alpha": 0.5}, "no setting 'alpha'; it has: lambda"),
        ("slerp", {}, "needs alpha"),
        ("task_arithmetic", {"normalize": 1}, "true or false"),
    ],
)
def test_settings_out_of_range_are_named(name: str, given_settings: dict[str, Any], said: str) -> None:
    with pytest.raises(MergeError, match=said):
        make_method(name, given_settings)


def test_listing_the_methods_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, adamms.merging as m; assert len(m.all_methods()) == 17; "
        "assert not [name for name in ('torch', 'numpy') if name in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_method_says_what_it_is() -> None:
    listed = json.loads(json.dumps([method.to_json() for method in all_methods()]))
    assert all(method["summary"] and method["source"] for method in listed)


def test_our_methods_are_registered_as_anyones_are() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = {name: f"adamms.merging.methods.{where}" for name, where in methods.OURS.items()}
    assert project["entry-points"]["adamms.methods"] == ours
    assert [method.name for method in all_methods()][: len(ours)] == list(ours)
