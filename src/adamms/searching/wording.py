"""When two answers say the same in other words: "red" and "It is red."

Two models of different training word the same answer differently; by equal text a donor in sentences would
agree with nobody. Here two answers are the same if the words of one stand in a row in the other, whatever the
case and the punctuation. It errs where an answer denies the other ("not red"), and hardly ever finds two long
answers alike.
"""

import re
from functools import lru_cache

_WORDS = re.compile(r"\w+")


@lru_cache(maxsize=1 << 16)
def words(text: str) -> tuple[str, ...]:
    """The words of an answer, without case and punctuation."""
    return tuple(_WORDS.findall(text.casefold()))


def same_answer(left: str, right: str) -> bool:
    """Whether the texts are equal, or the words of one stand in a row in the other."""
    if left == right:
        return True
    short, long = sorted((words(left), words(right)), key=len)
    if not short:
        return False
    return any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))
