"""The plurality's answers, and the file of how probable each candidate finds them.

The signal `plurality-logprob` asks every candidate about the answer that most candidates give. A search that
chooses by it writes `plurality.jsonl` beside its responses, one line a candidate and input as they come, so a
killed search keeps what it paid for, and `adamms select` can choose by it again. Knows no models.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adamms.responses.candidates import ALPHA
from adamms.responses.reading import LOG_PROBABILITIES
from adamms.responses.responses import Responses, open_to_append
from adamms.searching.answer_table import AnswerTable

LogProbabilities = dict[float, dict[str, float]]
"""Alpha -> input id -> mean log-probability of the plurality answer's tokens, in nats."""


@dataclass(frozen=True)
class PluralityAnswer:
    """The answer that most candidates give to an input."""

    text: str
    finished: bool
    """Whether it ended by itself, so that its end is part of it; also where that is not known."""


def plurality_answers(responses: Responses, *, fold_case: bool = False) -> dict[str, PluralityAnswer]:
    """For each input the answer that most sound candidates give, as the smallest such alpha words it.

    Raises:
        SearchError: a candidate lacks answers.
    """
    table = AnswerTable.of(responses, fold_case=fold_case)
    given = {}
    for id_, row in zip(table.ids, table.plurality, strict=True):
        response = responses[table.alphas[row]][id_]
        given[id_] = PluralityAnswer(response.response.strip(), response.finished is not False)
    return given


def keep_log_probabilities(
    folder: Path,
    answers: Mapping[str, PluralityAnswer],
    found: Iterable[tuple[float, str, float]],
    *,
    setting: str = ALPHA,
) -> Iterator[tuple[float, str, float]]:
    """Write each (alpha, input id, log-probability) to a run directory as it comes, and pass it on.

    What is no number, as half precision may make it, is not written: the candidate then goes unscored.
    """
    with open_to_append(folder / LOG_PROBABILITIES) as file:
        for alpha, id_, value in found:
            if math.isfinite(value):
                line = {"id": id_, setting: alpha, "answer": answers[id_].text, "log_probability": value}
                text = json.dumps(line, ensure_ascii=False)
                file.write(text.encode("utf-8", "backslashreplace") + b"\n")
                file.flush()
            yield alpha, id_, value
