"""The settings that several methods share, written once so that they read the same everywhere."""

from adamms.merging.method import Parameter

ALPHA = Parameter(
    "alpha", 1.0, "the donor's weight, beside the base's own (base_weight)", 0, 1, coefficient=True
)
BASE_WEIGHT = Parameter("base_weight", 1.0, "the base's weight", 0, coefficient=True)
LAMBDA = Parameter("lambda", 1.0, "the merged task vector is multiplied by it", 0, coefficient=True)
NORMALIZE = Parameter("normalize", False, "divide by the sum of the weights")
ALPHA_OF_REST = Parameter("alpha", None, "the donor's weight", 0, 1, required=True, coefficient=True)
BASE_WEIGHT_OF_REST = Parameter(
    "base_weight", None, "the base's weight; left out: what the donors leave of 1", 0, coefficient=True
)
ALPHA_ON_ARC = Parameter(
    "alpha", None, "how far along the arc, 0 the base, 1 the donor", 0, 1, required=True, coefficient=True
)
SEED = Parameter("seed", 0, "of the random numbers", 0, integer=True)
DROP = Parameter(
    "drop", 0.9, "p, the share of entries dropped at random", 0, 1, coefficient=True, per_model=True
)
CONSENSUS = Parameter(
    "consensus",
    "mean",
    "how entries of the elected sign are combined: mean of the agreeing (the paper's), or their sum",
    choices=("mean", "sum"),
)
