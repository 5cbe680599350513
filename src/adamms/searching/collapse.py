"""The collapse guard: a model that broke down is consistent too, so it must not win by being consistent.

A candidate is disqualified when it answers with nothing or repeats itself endlessly, or when it gives one
answer to everything where the base gives many (DESIGN section 4; the paper has no such guard). It is compared
with the base throughout: a task whose honest answers are blank, repetitive or nearly all the same looks so at
the base as well. Judges one candidate's answers; knows neither its consistency nor any true answer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from adamms.responses.responses import Response

BROKEN_EXCESS = 0.25
"""Of all inputs: broken answers beyond the base's. A quarter of the questions lost is no longer a better
model on the rest, and lies far outside what the odd blank answer makes of 100 inputs."""

BROKEN_AT_LEAST = 3
"""Broken answers beyond the base's, so that one odd answer among four inputs does not condemn a candidate."""

BROKEN_ALWAYS = 0.9
"""Of all inputs: a candidate that says nothing to nearly everything is of no use, even if the base is no
better."""

ONE_ANSWER = 0.9
"""Of all inputs: from here on a candidate's commonest answer is its answer to everything."""

ONE_ANSWER_INPUTS = 5
"""Fewer inputs than this are not everything: three answers may agree by chance."""

MANY_ANSWERS = 2.5
"""How many different answers the base must give, in equally frequent ones (the inverse of the chance that two
of its answers agree). Yes and no make at most 2, and 2.46 with a tenth of stray answers, so no yes/no task
gets here; three choices make 2.5 and more until one of them takes over half."""

REPEATS = 4
"""A unit this often in a row, up to the answer's end, is a loop; nobody says a thing four times in a row."""

REPEATS_UNFINISHED = 3
"""As `REPEATS`, where the answer is known to have been cut at the length limit, which is suspicious by
itself."""

LOOP_CHARACTERS = 8
"""Shortest loop of single characters ("!!!!!!!!"): shorter ones are numbers such as 1000000."""

LOOP_SHARE = 0.5
"""Of the answer: a loop that fills less of it had something to say before."""

MONOTONOUS_WORDS = 16
MONOTONOUS_DISTINCT = 0.2
"""Words without a strict period, but each said five times on average: the loops that wander. Ordinary text
of a few hundred words has over 0.4 distinct words."""


def disqualification(candidate: Sequence[Response], base: Sequence[Response]) -> str | None:
    """Why a candidate has collapsed, as a clause for the report, or None.

    Args:
        candidate: its answers.
        base: the answers of the smallest alpha to the same inputs.
    """
    return _broken(candidate, base) or _one_answer(candidate, base)


def ending_notes(answers: Mapping[str, Sequence[Response]]) -> tuple[str, ...]:
    """What a reader must know of models whose every answer ends at once, or never: a sentence each.

    Args:
        answers: who answered, as a sentence begins with it -> the answers.
    """
    notes = []
    for who, given in answers.items():
        empty = sum(map(is_empty, given))
        # Where it is not known how an answer ended, nothing is said.
        cut = sum(response.finished is False for response in given)
        if given and empty >= BROKEN_ALWAYS * len(given):
            notes.append(
                f"{who} says nothing to {empty} of {len(given)} inputs: look at the prompt and the chat "
                "template before trusting this choice."
            )
        elif given and cut >= BROKEN_ALWAYS * len(given):
            notes.append(
                f"{who} does not end {cut} of {len(given)} answers before the length limit, so only their "
                "beginnings are compared; --max-new-tokens gives them room."
            )
    return tuple(notes)


def base_note(base: Sequence[Response]) -> str | None:
    """What a reader must know when the yardstick itself looks broken, as a sentence, or None."""
    broken = [response for response in base if is_empty(response) or is_looping(response)]
    if len(broken) > len(base) / 2:
        return (
            f"The smallest alpha itself answers {len(broken)} of {len(base)} inputs with nothing or with an "
            "endless repetition; look at its answers, and at the length limit, before trusting this choice."
        )
    return None


def is_empty(response: Response) -> bool:
    """Nothing but white space."""
    return not response.response.strip()


def is_looping(response: Response) -> bool:
    """Whether an answer repeats itself up to its end.

    An answer that ended by itself is not endless, whatever it says. Where it is not known how an answer
    ended, the text alone decides.
    """
    if response.finished:
        return False
    repeats = REPEATS if response.finished is None else REPEATS_UNFINISHED
    words = response.response.split()
    if _loop(words, repeats=repeats, at_least=repeats):
        return True
    if len(words) >= MONOTONOUS_WORDS and len(dict.fromkeys(words)) <= MONOTONOUS_DISTINCT * len(words):
        return True
    return _loop(response.response.strip(), repeats=repeats, at_least=LOOP_CHARACTERS)


def _loop(units: Sequence[str], *, repeats: int, at_least: int) -> bool:
    """Whether the end of a sequence is one stretch said over and over, for at least `at_least` units."""
    length = len(units)
    for period in range(1, length // repeats + 1):
        start = length - period
        while start > 0 and units[start - 1] == units[start - 1 + period]:
            start -= 1
        run = length - start
        if run >= max(repeats * period, at_least, LOOP_SHARE * length):
            return True
    return False


def _broken(candidate: Sequence[Response], base: Sequence[Response]) -> str | None:
    total = len(candidate)
    kinds: Mapping[str, list[int]] = {
        "are empty": [sum(map(is_empty, answers)) for answers in (candidate, base)],
        "repeat themselves endlessly": [sum(map(is_looping, answers)) for answers in (candidate, base)],
    }
    own = sum(counts[0] for counts in kinds.values())
    excess = own - sum(counts[1] for counts in kinds.values())
    if own < BROKEN_ALWAYS * total and (excess < BROKEN_EXCESS * total or excess < BROKEN_AT_LEAST):
        return None
    clauses = [f"{counts[0]} {kind} (base: {counts[1]})" for kind, counts in kinds.items() if counts[0]]
    return f"of {total} answers {' and '.join(clauses)}"


def _one_answer(candidate: Sequence[Response], base: Sequence[Response]) -> str | None:
    total = len(candidate)
    answer, often = Counter(_kind(response) for response in candidate).most_common(1)[0]
    kinds = Counter(_kind(response) for response in base)
    variety = total**2 / sum(count**2 for count in kinds.values())
    if total < ONE_ANSWER_INPUTS or often < ONE_ANSWER * total or variety < MANY_ANSWERS:
        return None
    # An answer is untrusted text on its way to a terminal.
    answer = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in answer
    )
    shown = answer if len(answer) <= 40 else answer[:39] + "…"
    return (
        f'answers "{shown}" to {often} of {total} inputs, where the base gives {len(kinds)} different answers'
    )


def _kind(response: Response) -> str:
    """What an answer amounts to: letter case and outer punctuation aside, and "Yes, there is." as "yes".

    Without the last, a base that words its yes and no differently each time would seem to give many answers.
    """
    text = response.response.strip().lower().strip(" .,;:!?\"'")
    first = text.replace(",", " ").replace(".", " ").split(maxsplit=1)[:1]
    return first[0] if first in (["yes"], ["no"]) else text
