"""Random numbers that depend on the seed, the tensor's name, the model and the element, and on nothing else.

Every run of 65,536 elements of a base tensor has a generator of its own, keyed by a hash, so the numbers are
the same whatever the block size, the order, the number of threads or the machine, and after a resumption.
"""

from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

CHUNK = 1 << 16
LEVELS = 1 << 16


class Draws(Protocol):
    """Where random methods take their numbers from; a test gives masks by a class of its own."""

    def draw(self, name: str, model: int, start: int, count: int) -> "np.ndarray":
        """Numbers from -32,768 to 32,767, int16, for elements of a base tensor and one model (0 the base)."""
        ...


class SeededDraws:
    """The random numbers of a seed; keeps the latest chunk of each model, as short runs share chunks."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._latest: dict[int, tuple[tuple[str, int], np.ndarray]] = {}

    def draw(self, name: str, model: int, start: int, count: int) -> "np.ndarray":
        """Numbers from -32,768 to 32,767, int16, put together from the chunks that they lie in."""
        import numpy as np

        drawn = np.empty(count, np.int16)
        first, last = start // CHUNK, (start + count - 1) // CHUNK
        for chunk in range(first, last + 1):
            low, high = max(start, chunk * CHUNK), min(start + count, (chunk + 1) * CHUNK)
            numbers = self._chunk(name, model, chunk)
            drawn[low - start : high - start] = numbers[low - chunk * CHUNK : high - chunk * CHUNK]
        return drawn

    def _chunk(self, name: str, model: int, chunk: int) -> "np.ndarray":
        import numpy as np

        key = (name, chunk)
        known = self._latest.get(model)
        if known is None or known[0] != key:
            text = f"{self._seed}/{model}/{chunk}/{name}"
            entropy = int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little")
            raw = np.random.SFC64(np.random.SeedSequence(entropy)).random_raw(CHUNK // 4)
            known = self._latest[model] = (key, raw.astype("<u8", copy=False).view("<i2"))
        return known[1]


def threshold_of(probability: float) -> int:
    """Numbers below it keep an element with this probability."""
    return round(probability * LEVELS) - LEVELS // 2


def keep_mask(draws: "np.ndarray", probability: "float | np.ndarray") -> "np.ndarray":
    """1.0 where an element stays and 0.0 where not, each with its probability, to within 1/65,536.

    Args:
        draws: int16, as `Draws` gives them.
        probability: one for all, or one an element (float32 or float64, which the mask then is).
    """
    import numpy as np

    if not isinstance(probability, float | int):
        return (draws < np.rint(probability * LEVELS) - LEVELS // 2).astype(probability.dtype)
    # numpy compares 16-bit integers, and widens bytes, many times faster than it compares wider ones.
    cut = threshold_of(probability)
    mask = np.ones(len(draws), bool) if cut >= LEVELS // 2 else draws < np.int16(cut)
    return mask.astype(np.float32)
