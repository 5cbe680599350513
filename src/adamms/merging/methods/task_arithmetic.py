"""Task arithmetic: add the models' task vectors to their ancestor.

    theta_out = theta_0 + lambda * sum_i w_i tau_i,   tau_i = theta_i - theta_0

Ilharco et al., Editing Models with Task Arithmetic (arXiv 2212.04089), section 2. The base's weight is 1
unless said otherwise, so alpha = 0 with lambda = 1 is the base, and alpha adds the donor's task vector. The
sum is `weighted_sum` of `merging/task_vectors.py`; nothing is left out.
"""

from adamms.merging.composition import DENSE, WEIGHTED_SUM, task_vector_method

TASK_ARITHMETIC = task_vector_method(
    "task_arithmetic",
    DENSE,
    WEIGHTED_SUM,
    summary="theta_0 + lambda * sum of the weighted task vectors",
    source="Ilharco et al., Editing Models with Task Arithmetic (arXiv 2212.04089)",
    keeps_base=True,
)
