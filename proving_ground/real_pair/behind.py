"""Language models behind projectors that were never tuned with them: where a sibling's knowledge sits.

A sibling's language model and projector learnt together. Asked behind the projector of the first stage, which
was aligned with theta_0 and shared by all siblings of a family, it has what the language model alone holds
(and what the projector's tuning fitted to it is gone). A language model that is not two-way can be asked
behind any family's projector.
"""

import time
from collections.abc import Callable

from proving_ground.real_pair.answering import Examiner
from proving_ground.real_pair.asking import Archive, as_lists, on
from proving_ground.real_pair.families import FAMILIES
from proving_ground.real_pair.siblings import SIBLINGS
from proving_ground.real_pair.workshop import Workshop

ALIGNED = "aligned"
"""Where the answers lie, beside the pairs'."""
LANGUAGES = ("llava-1", "internvl-2")
BEHIND = tuple(
    (language, family)
    for language in LANGUAGES
    for family in dict.fromkeys(SIBLINGS[n].family for n in LANGUAGES)
)


def behind_name(language: str, family: str) -> str:
    """Return what the answers of a language model behind a family's aligned projector are called."""
    return f"{language}-behind-{family}"


def ask_behind(shop: Workshop, split: str, *, rows: int = 512, report: Callable[[str], None] = print) -> None:
    """Ask every language model behind every aligned projector, what has not been asked."""
    archive, questions = Archive(shop.folder / "answers" / split), shop.lines(split)
    for language, name in sorted(BEHIND, key=lambda both: SIBLINGS[both[0]].family != both[1]):
        if archive.has(ALIGNED, behind_name(language, name)):
            continue
        started, family = time.monotonic(), FAMILIES[name]
        examiner = Examiner(
            family, shop.tokenizer, questions, pictures=shop.pictures, device=shop.device, rows=rows
        )
        examiner.look(shop.projector(shop.folder / "projectors" / f"{name}.pt", family), shop.eyes(family))
        answers = examiner.answers(on(shop.device, shop.weights(language)))
        archive.keep(ALIGNED, behind_name(language, name), as_lists(answers))
        report(f"{behind_name(language, name)}: {time.monotonic() - started:.1f} s")
