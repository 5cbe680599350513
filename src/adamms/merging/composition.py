"""Task-vector methods by composition: what is done to each task vector, and how several become one.

    theta_out = theta_0 + lambda * combine_i(w_i, sparsify(tau_i)),   tau_i = theta_i - theta_0

A `Sparsifier` keeps some entries of each task vector (at random, by magnitude, by rank), a `Combiner` adds
the task vectors up or elects signs first. Both are pure functions on arrays with the parameters that they
read; a method is a pair of them and a name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adamms.merging.method import Array, KernelParams, MergeMethod, Reduction, call, no_reductions
from adamms.merging.parameters import ALPHA, BASE_WEIGHT, CONSENSUS, LAMBDA, NORMALIZE, Parameter
from adamms.merging.task_vectors import add_to, disjoint_merge, task_vectors, weighted_sum

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Sparsifier:
    """What is done to every task vector by itself.

    Attributes:
        function: the task vectors `deltas` (a list of flat arrays, whose memory it may use) -> as many; asks
            for parameters, statistics, `draws` and `width` by name, as a method does.
        parameters: what it takes.
        kernel: the same as fields of `KernelParams`, asked as `function` is; None where the fused kernel
            cannot do it.
        reductions, check, by_rows: as in `MergeMethod`.
    """

    function: Callable[..., list[Array]]
    parameters: tuple[Parameter, ...] = ()
    kernel: Callable[..., dict[str, Any]] | None = None
    reductions: Callable[[Mapping[str, Any]], tuple[Reduction, ...]] = no_reductions
    check: Callable[[Mapping[str, Any]], None] = field(default=lambda values: None)
    by_rows: bool = False


@dataclass(frozen=True)
class Combiner:
    """How the task vectors become one.

    Attributes:
        function: the task vectors `deltas` and their `weights` -> one array; asks as a method does.
        parameters: what it takes.
        kernel: the same as fields of `KernelParams`.
    """

    function: Callable[..., Array]
    parameters: tuple[Parameter, ...]
    kernel: Callable[..., dict[str, Any]]


def _unchanged(deltas: list[Array]) -> list[Array]:
    return deltas


def _no_fields() -> dict[str, Any]:
    return {}


def _divisor(weights: Sequence[float], normalize: bool) -> dict[str, Any]:
    return {"divisor": sum(weights) if normalize else 0}


def _sign_consensus(consensus: str) -> dict[str, Any]:
    return {"sign_consensus": consensus}


DENSE = Sparsifier(_unchanged, kernel=_no_fields)
WEIGHTED_SUM = Combiner(weighted_sum, (NORMALIZE,), _divisor)
SIGN_CONSENSUS = Combiner(disjoint_merge, (CONSENSUS,), _sign_consensus)


def task_vector_method(
    name: str,
    sparsifier: Sparsifier,
    combiner: Combiner,
    *,
    summary: str,
    source: str,
    keeps_base: bool = False,
) -> MergeMethod:
    """A method of two parts.

    Args:
        name: what it is called.
        sparsifier: what is done to each task vector.
        combiner: how they become one.
        summary: one line for `adamms methods`.
        source: the publication.
        keeps_base: as in `MergeMethod`.
    """

    def merge(models: Sequence[Array], pretrained: Array, lambda_: float, **named: Any) -> Array:
        """The formula above, for flat arrays of one shape, float32 (float64 for a float64 base)."""
        deltas = call(sparsifier.function, {**named, "deltas": task_vectors(models, pretrained)})
        merged = call(combiner.function, {**named, "deltas": deltas})
        return add_to(pretrained, merged, lambda_=lambda_)

    def params(weights: Sequence[float], lambda_: float, **named: Any) -> KernelParams:
        named = {**named, "weights": weights}
        assert sparsifier.kernel is not None
        fields = {**call(sparsifier.kernel, named), **call(combiner.kernel, named)}
        return KernelParams(weights, lambda_=lambda_, **fields)

    return MergeMethod(
        merge,
        name=name,
        summary=summary,
        source=source,
        parameters=(ALPHA, BASE_WEIGHT, LAMBDA, *sparsifier.parameters, *combiner.parameters),
        pretrained="needed",
        keeps_base=keeps_base,
        reductions=sparsifier.reductions,
        check=sparsifier.check,
        by_rows=lambda settings: sparsifier.by_rows,
        kernel=params if sparsifier.kernel else None,
    )


def l1_scales(sparsify: Callable[..., list[Array]]) -> Reduction:
    """The reduction that gives, as `scales`, each model's factor that restores its task vector's L1 norm.

    Args:
        sparsify: a sparsifier's function, which is asked without `scales`.
    """

    def norms(models: Sequence[Array], pretrained: Array, **named: Any) -> "np.ndarray":
        import numpy as np

        deltas = task_vectors(models, pretrained)
        before = [np.abs(delta).sum(dtype=np.float64) for delta in deltas]
        after = call(sparsify, {**named, "deltas": deltas})
        return np.array([*before, *(np.abs(delta).sum(dtype=np.float64) for delta in after)])

    def scales(total: "np.ndarray") -> dict[str, Any]:
        half = len(total) // 2
        pairs = zip(total[:half].tolist(), total[half:].tolist(), strict=True)
        return {"scales": tuple(before / after if after else 1.0 for before, after in pairs)}

    return Reduction(norms, scales, scope="tensor")
