"""Settings to try methods with, for tests that compare two ways to compute the same."""

from typing import Any

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "linear": [{"alpha": 0.3}, {"alpha": 0.0}, {"alpha": 1.0}, {"alpha": 0.6, "base_weight": 0.9}],
    "task_arithmetic": [{"alpha": 0.3, "lambda": 0.7}, {"alpha": 0.4, "normalize": True}],
    "ties": [
        {"density": 0.3},
        {"density": 0.5, "trim": "tensor", "rescale": "l1", "alpha": 0.6},
        {"density": 0.4, "donor.density": 0.0, "consensus": "sum"},
        {"density": 1.0, "alpha": 0.0},
    ],
    "dare_linear": [{"drop": 0.4}, {"drop": 0.4, "rescale": "l1"}, {"drop": 0.0}, {"drop": 1.0}],
    "dare_ties": [{"drop": 0.4, "consensus": "sum"}, {"drop": 0.7, "alpha": 0.3}],
    "metagpt": [{}, {"lambda": 0.5}],
    "slerp": [{"alpha": 0.3}],
    "nuslerp": [{"alpha": 0.3}, {"alpha": 0.6, "over": "rows"}],
    "karcher": [{"alpha": 0.3}],
    "della": [{}, {"density": 0.6, "epsilon": 0.3, "rescale": "l1"}],
    "della_linear": [{"density": 0.4, "rescale": "none", "normalize": True}],
    "breadcrumbs": [
        {"density": 0.5, "gamma": 0.1},
        {"density": 0.9, "gamma": 0.0, "normalize": True},
        {"density": 1.0},
    ],
    "breadcrumbs_ties": [{"density": 0.5, "gamma": 0.1}],
    "sce": [{}, {"topk": 1.0}],
    "model_stock": [{}, {"over": "rows"}],
    "nearswap": [{}, {"t": 0.02}],
    "nan": [{}],
}
