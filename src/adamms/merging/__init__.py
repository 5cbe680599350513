"""Step 2 of the method: merge mapped tensors, streamed from disk to disk (section 3.2).

The names here are light. What does the arithmetic brings torch with it and is imported from its modules
(`merging.stream`, `merging.tensors`) by those who need it.
"""

from adamms.merging.methods import Method, make_method

__all__ = ["Method", "make_method"]
