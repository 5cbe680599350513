"""Every merge of every pair answers the same questions, once.

Merges are the product's own (`adamms.merge`), written and read back; answers are the zoo's fast ones in
float32, which equal transformers' (a test of the zoo says so). Only the shrunk vocabulary is made here: the
product has no such merge.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from adamms.api import merge
from adamms.zoo import Pair, shipped_pair
from proving_ground.families import FAMILIES, TABLES, Family
from proving_ground.inputs import as_prompt, identifiers
from proving_ground.many.asking import Interviewer, Said
from proving_ground.many.drawing import draw_questions, question_album
from proving_ground.many.growing import saved_model
from proving_ground.measuring import Question
from proving_ground.paper.answers import Answers, Archive, Asked
from proving_ground.paper.plan import Plan, Setting
from proving_ground.progress import Report

MODELS = "models"
"""Where the answers of the models alone lie, beside those of the pairs."""

VOCABULARY = ("embeddings", "lm_head")


def ask_everything(archive: Archive, plan: Plan, *, report: Report = print) -> None:
    """Ask what has not been asked yet: every model alone, then the merges of every pair."""
    quiet()
    album = question_album("held-out", each=plan.each, real=plan.real)
    drawn = draw_questions(album, each=plan.each, seed=plan.seed, tasks=plan.tasks)
    archive.keep_questions(
        [
            Asked(name, question.turn.task, as_prompt(question.turn.question), question.turn.answer)
            for name, question in zip(identifiers(drawn), drawn, strict=True)
        ]
    )
    for name in plan.pairs:
        pair = shipped_pair(name)
        for folder in (pair.base, pair.donor):
            alone = Setting(folder.name)
            if not archive.has(MODELS, alone):
                interview = _Interview(folder, drawn)
                archive.keep(MODELS, alone.name, interview.answers(interview.model))
                report(f"{folder.name} alone")
    # All tables first: what only some pairs are asked for may come later.
    for part in (plan.tables, plan.extras):
        for name in plan.pairs:
            wanted = [setting for setting in part(name) if not archive.has(name, setting)]
            if wanted:
                _ask_pair(archive, name, wanted, drawn)
                report(f"{name}: {len(wanted)} merges of {len(drawn)} questions")


def _ask_pair(archive: Archive, name: str, wanted: Sequence[Setting], drawn: Sequence[Question]) -> None:
    pair = shipped_pair(name)
    interview = _Interview(pair.base, drawn)
    for setting in wanted:
        archive.keep(name, setting.name, interview.answers(merged_model(pair, setting)))


def merged_model(pair: Pair, setting: Setting) -> Any:
    """Return the merge, rounded to bfloat16 as it is written, computing in float32."""
    family = FAMILIES[pair.base.name]
    options: dict[str, Any] = {"method": setting.method, "exclude": ()}
    if setting.method != "linear":
        options["pretrained"] = pair.pretrained
    if setting.vocabulary != "merged":
        options["exclude"] = VOCABULARY
    if setting.base_weight is not None:
        options["settings"] = {"base_weight": setting.base_weight}
    with TemporaryDirectory(prefix="adamms-paper-") as folder:
        out = Path(folder) / "merged"
        merge(pair.base, pair.donor, out, alpha=setting.alpha, **options)
        model = saved_model(out, family)
    if setting.vocabulary == "shrunk":
        assert setting.alpha is not None
        shrink_vocabulary(model, family, alpha=setting.alpha)
    return model


def shrink_vocabulary(model: Any, family: Family, *, alpha: float) -> None:
    """Multiply the embeddings and the head by (1 - alpha) and add nothing, in place."""
    parts = family.originals(model)
    with torch.no_grad():
        for name in TABLES:
            parts[name].copy_((parts[name] * (1 - alpha)).to(torch.bfloat16))


def quiet() -> None:
    """Keep transformers from drawing a bar for every model of a megabyte."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]


class _Interview:
    """The questions as one base reads them; the answers of one merge are the next one's drafts."""

    def __init__(self, folder: Path, drawn: Sequence[Question]) -> None:
        family = FAMILIES[folder.name]
        self.model = saved_model(folder, family)
        self._interviewer = Interviewer(family, drawn)
        with torch.no_grad():
            self._features = self._interviewer.features(self.model)
        self._drafts: list[Said] | None = None

    def answers(self, model: Any) -> Answers:
        answers = self._interviewer.answers(model, self._features, drafts=self._drafts)
        self._drafts = answers
        return Answers(
            [self._interviewer.text(answer.tokens) for answer in answers],
            [answer.confidence for answer in answers],
            [answer.entropy for answer in answers],
        )
