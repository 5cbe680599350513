"""How far answers are from each other: the types of what measures it and of what is measured."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.float64]
"""One number an input: 0 where two candidates agree."""

Metric = Callable[[Sequence[str], Sequence[str]], Distances]
"""Two lists of answers to the same inputs -> their distances; 0 for the same text."""
