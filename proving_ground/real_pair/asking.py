"""Every merge of a pair answers the reporting questions, once; merges are the product's own.

An answer file is written when a merge has answered everything, so a run that was stopped goes on with the
next. Beside the answers lie opinions: how likely candidates, the donor and theta_0 find what others said.
"""

import json
import lzma
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from torch import Tensor

from proving_ground.real_pair.answering import Examiner, Said
from proving_ground.real_pair.families.mplug_owl2 import with_copies
from proving_ground.real_pair.llama import PICTURE
from proving_ground.real_pair.settings import ALPHAS, CANDIDATES, Setting, linear
from proving_ground.real_pair.siblings import SIBLINGS, Pair
from proving_ground.real_pair.workshop import THETA_0, Workshop

MODELS = "models"
"""Where the answers of the models alone lie."""
DIGITS = 4
Answers = dict[str, list[Any]]


class Archive:
    """The answers of a run: `answers/SPLIT/PAIR/SETTING.json.xz`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, pair: str, name: str) -> Path:
        """Where a merge's answers lie."""
        return self.folder / pair / f"{name}.json.xz"

    def has(self, pair: str, name: str) -> bool:
        """Tell whether a merge has answered."""
        return self.path(pair, name).exists()

    def keep(self, pair: str, name: str, values: Any) -> None:
        """Write answers beside and rename them."""
        path = self.path(pair, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(lzma.compress(json.dumps(values, ensure_ascii=False).encode(), preset=1))
        partial.replace(path)

    def read(self, pair: str, name: str) -> Any:
        """Read them back."""
        return json.loads(lzma.decompress(self.path(pair, name).read_bytes()))


def as_lists(answers: Sequence[Said]) -> Answers:
    """Return answers as columns, numbers rounded."""
    return {
        "said": [answer.text for answer in answers],
        **{
            key: [round(float(getattr(answer, key)), DIGITS) for answer in answers]
            for key in ("confidence", "likelihood", "entropy")
        },
    }


def examiner_of(shop: Workshop, name: str, questions: Sequence[Any], *, rows: int) -> Examiner:
    """Return the questions as a sibling reads them, its pictures looked at."""
    family = shop.family(name)
    pictures = shop.pictures if any(question["picture"] for question in questions) else {}
    examiner = Examiner(family, shop.tokenizer, questions, pictures=pictures, device=shop.device, rows=rows)
    if pictures:
        examiner.look(shop.sibling_projector(name), shop.eyes(family))
    return examiner


def on(device: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in float32 where they are computed with."""
    return {name: value.to(device, torch.float32) for name, value in weights.items()}


def answers_split(name: str, split: str) -> bool:
    """Tell whether a model can be asked these questions: a language model sees no pictures."""
    return split.startswith("text-") or (name in SIBLINGS and SIBLINGS[name].text is None)


def ask_alone(shop: Workshop, name: str, split: str, *, rows: int = 512) -> float:
    """Let a sibling answer a split alone; returns the seconds."""
    archive = Archive(shop.folder / "answers" / split)
    started = time.monotonic()
    if not archive.has(MODELS, name):
        examiner = examiner_of(shop, name, shop.lines(split), rows=rows)
        archive.keep(MODELS, name, as_lists(examiner.answers(on(shop.device, shop.weights(name)))))
    return time.monotonic() - started


def ask_pair(
    shop: Workshop,
    pair: Pair,
    split: str,
    settings: Sequence[Setting],
    *,
    rows: int = 512,
    until: float | None = None,
    scratch: Path | None = None,
    opinions: bool = True,
    report: Callable[[str], None] = print,
) -> None:
    """Ask a pair's merges what has not been asked; then read opinions.

    Args:
        shop: has the siblings.
        pair: of two siblings, or of a sibling and a language model.
        split: of the questions.
        settings: in order.
        rows: of a batch.
        until: time (monotonic) at which nothing new is begun.
        scratch: where merges are written for a moment.
        opinions: read, too, which needs the answers of all candidates.
        report: is told what was done.
    """
    archive = Archive(shop.folder / "answers" / split)
    questions = shop.lines(split)
    examiner = examiner_of(shop, pair.base, questions, rows=rows)
    able = [name for name in (pair.base, pair.donor) if answers_split(name, split)]
    for name in able:
        ask_alone(shop, name, split, rows=rows)
    if opinions and not archive.has(pair.name, "opinions") and len(able) == 2:
        for alpha in ALPHAS[1:CANDIDATES]:
            _ask(shop, pair, linear(alpha), archive, examiner, scratch)
        _opinions(shop, pair, archive, examiner, questions, rows=rows, scratch=scratch)
        report(f"{pair.name}: opinions")
    for setting in settings:
        if until is not None and time.monotonic() > until:
            report(f"{pair.name}: stopped before {setting.name}")
            return
        seconds = _ask(shop, pair, setting, archive, examiner, scratch)
        if seconds:
            report(f"{pair.name}: {setting.name} {seconds:.1f} s")


def _ask(
    shop: Workshop, pair: Pair, setting: Setting, archive: Archive, examiner: Examiner, scratch: Path | None
) -> float:
    if archive.has(pair.name, setting.name):
        return 0.0
    started = time.monotonic()
    try:
        with merged(shop, pair, setting, scratch=scratch) as weights:
            archive.keep(pair.name, setting.name, as_lists(examiner.answers(on(shop.device, weights))))
    except Exception as error:  # a method that refuses a pair says why, in its place
        archive.keep(pair.name, f"{setting.name}.refused", {"why": f"{type(error).__name__}: {error}"})
    return time.monotonic() - started


@contextmanager
def merged(
    shop: Workshop, pair: Pair, setting: Setting, *, scratch: Path | None = None
) -> Iterator[dict[str, Tensor]]:
    """Merge with the product and yield the language model's weights."""
    from adamms import merge

    options = dict(setting.options)
    if options.get("pretrained"):
        options["pretrained"] = shop.assemble(THETA_0)
    folder = Path(mkdtemp(prefix="real-pair-", dir=scratch))
    try:
        merge(shop.assemble(pair.base), shop.assemble(pair.donor), folder / "merged", **options)
        yield read_language(folder / "merged")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_language(folder: Path) -> dict[str, Tensor]:
    """Return the language model of a checkpoint under a Llama's names."""
    from safetensors import safe_open

    weights: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in list(file.keys()):
                if plain := llama_name(name):
                    weights[plain] = file.get_tensor(name).float()
    return weights


VISION = ("vision", "projector", "visual", "inv_freq", "lm_head")


def llama_name(name: str) -> str | None:
    """Return a Llama's name of a weight on disk; None for what is no language."""
    if any(part in name for part in VISION):
        return None
    match = re.search(r"(layers\.\d+\..*|embed_tokens\.weight|(?<!layer)norm\.weight)$", name)
    if match is None:
        return None
    plain = f"model.{match.group(1)}"
    copy = re.search(r"\.multiway\.([01])", plain)
    if copy is None:
        return plain
    return plain.replace(copy.group(0), "") + (PICTURE if copy.group(1) == "1" else "")


def _opinions(
    shop: Workshop,
    pair: Pair,
    archive: Archive,
    examiner: Examiner,
    questions: Sequence[Any],
    *,
    rows: int,
    scratch: Path | None,
) -> None:
    """Keep, by question, the different answers and their log-probabilities under everybody."""
    names = [linear(alpha).name for alpha in ALPHAS[1:CANDIDATES]]
    given = [archive.read(MODELS, pair.base)] + [archive.read(pair.name, name) for name in names]
    alone = archive.read(MODELS, pair.donor)
    said = [
        list(dict.fromkeys([*(answers["said"][number] for answers in given), alone["said"][number]]))
        for number in range(len(questions))
    ]
    asked = [(number, text) for number, texts in enumerate(said) for text in texts]
    places = {pairing: place for place, pairing in enumerate(asked)}
    columns: list[list[float | None]] = []
    for place, alpha in enumerate(ALPHAS[:CANDIDATES]):
        own = given[place]
        wanted = [(n, text) for n, text in asked if own["said"][n] != text]
        if alpha:
            with merged(shop, pair, linear(alpha), scratch=scratch) as weights:
                read = examiner.likelihoods(on(shop.device, weights), wanted)
        else:
            read = examiner.likelihoods(on(shop.device, shop.weights(pair.base)), wanted)
        column: list[float | None] = [
            own["likelihood"][n] if own["said"][n] == text else None for n, text in asked
        ]
        for pairing, value in zip(wanted, read, strict=True):
            column[places[pairing]] = round(value, DIGITS)
        columns.append(column)
    there = examiner_of(shop, pair.donor, questions, rows=rows)
    by_donor = there.likelihoods(on(shop.device, shop.weights(pair.donor)), asked)
    origin = with_copies(shop.theta) if examiner.family.two_way else shop.theta
    by_ancestor = examiner.likelihoods(on(shop.device, dict(origin)), asked)
    archive.keep(
        pair.name,
        "opinions",
        {
            "said": said,
            "candidates": columns,
            "donor": [round(value, DIGITS) for value in by_donor],
            "ancestor": [round(value, DIGITS) for value in by_ancestor],
        },
    )
