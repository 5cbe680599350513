"""What a visitor's clicks do: map, ask, search, save. Returns HTML; knows no Gradio.

Every error is an `AdaMMSError` with one sentence, without this machine's paths where the page is public.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.adapters import open_model
from adamms.errors import AdaMMSError, RecipeError, SearchError
from adamms.mapping import grouped, map_parameters
from adamms.progress import Silent
from adamms.recipes.recipe import make_recipe
from adamms.ui import views
from adamms.ui.live import METHOD, LivePairs
from adamms.ui.names import Names
from adamms.ui.searches import BesideSearch, StoppedError
from adamms.ui.visitors import Visitor, Visitors

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST, MOST_INPUTS = 256, 100
"""Tokens of an answer, and inputs of a search where the page is public: a free CPU is shared."""
LARGEST_PICTURE = 1536
"""Pixels of a picture's longer side; larger ones are reduced."""


@dataclass(frozen=True)
class Wish:
    """A search as a visitor asks for it."""

    base: str
    donor: str
    inputs: str | None = None
    """A file on one's own machine; the small models' own questions where it is empty."""
    alphas: str = "0:0.6:0.1"
    samples: float = 100
    exhaustive: bool = False
    out: str | None = None
    """A run directory on one's own machine; where it is empty the run goes when the page is left."""


class Desk:
    """What the page does, for all its visitors."""

    def __init__(self, names: Names, *, device: str | None = None) -> None:
        self.names, self.visitors = names, Visitors()
        self._pairs = LivePairs(device=device)
        self._device = device

    def close(self) -> None:
        """Let models and visitors go."""
        self.visitors.all_left()
        self._pairs.close()

    def map(self, visitor: Visitor, base: str, donor: str) -> tuple[str, Path]:
        """What maps and what would be left, and the file of it; from headers alone."""
        with self._plain(), ExitStack() as models:
            base_model, donor_model = (
                models.enter_context(open_model(self.names.source(name, role)))
                for name, role in ((base, "base"), (donor, "donor"))
            )
            mapping = map_parameters(base_model, donor_model)
            groups = grouped(mapping, base_model)
            notes = [*base_model.notes, *donor_model.notes, *mapping.notes]
            file = visitor.folder / "mapping.json"
            document = json.dumps(mapping.to_json(), indent=1, ensure_ascii=False)
            file.write_text(self.names.hidden(document, paths=False), encoding="utf-8")
            shown = views.mapping_view(
                mapping, groups, (base.strip(), donor.strip()), [self.names.hidden(note) for note in notes]
            )
            return shown, file

    def ask(
        self,
        visitor: Visitor,
        pair: tuple[str, str],
        alpha: float,
        picture: "Image | None",
        prompt: str | None,
        *,
        limit: int = 32,
    ) -> tuple[str, str]:
        """The answer at this alpha, and all to this question so far."""
        with self._plain():
            if not (prompt or "").strip():
                raise SearchError("Type a question first.")
            sources = (self.names.live(pair[0], "base"), self.names.live(pair[1], "donor"))
            images = [] if picture is None else [_reduced(picture)]
            limit = max(1, min(int(limit), LONGEST))
            alpha = round(min(max(float(alpha), 0.0), 1.0), 3)
            response = self._pairs.ask(sources, alpha, images, prompt or "", limit=limit)
            content = "".join(hashlib.sha256(image.tobytes()).hexdigest() for image in images)
            answers = visitor.remember((*sources, content, prompt or "", str(limit)), response)
            return views.answer_view(response), views.strip_view(answers, alpha)

    def search(self, visitor: Visitor, wish: "Wish") -> Iterator[tuple[str, str, float | None]]:
        """Search, and yield how far it is, the report at the end, and the chosen alpha."""
        pair = (wish.base, wish.donor)
        with self._plain():
            if visitor.search is not None:
                raise SearchError("A search of yours is running; stop it first.")
            base, donor = (self.names.live(pair[0], "base"), self.names.live(pair[1], "donor"))
            file = self._inputs(pair, wish.inputs)
            count = int(wish.samples)
            recipe = make_recipe(
                base=base,
                donor=donor,
                search={
                    "inputs": file,
                    "alphas": wish.alphas,
                    "samples": min(count, MOST_INPUTS) if self.names.public else count,
                    "max_new_tokens": 32,
                    "exhaustive": wish.exhaustive,
                    "device": self._device,
                },
            )
            visitor.runs += 1
            kept = "" if self.names.public else (wish.out or "").strip()
            out = Path(kept).expanduser() if kept else visitor.folder / f"run-{visitor.runs}"
            visitor.search = BesideSearch(recipe, out)
            try:
                for stage in visitor.search.stages():
                    yield self.names.hidden(views.stage_view(stage), paths=False), "", None
            except StoppedError:
                yield views.sentence_view("Stopped; nothing was chosen."), "", None
                return
            finally:
                run, visitor.search = visitor.search.out, None
            chosen = json.loads((run / "selection.json").read_text(encoding="utf-8"))
            page = (run / "report.html").read_text(encoding="utf-8")
            report = views.report_view(self.names.hidden(page, paths=False))
            yield views.sentence_view(chosen["verdict"], bold=True), report, float(chosen["selected"])

    def stop(self, visitor: Visitor) -> None:
        """End the visitor's search."""
        if visitor.search is not None:
            visitor.search.stop()

    def save(
        self, visitor: Visitor, pair: tuple[str, str], alpha: float, out: str | None
    ) -> tuple[str, Path | None]:
        """Write the merged model: into a folder of one's own machine, else into a file to download."""
        # Late, as all that merges: mapping needs none of it.
        from adamms.runs.pipeline import run

        with self._plain():
            base, donor = (self.names.live(pair[0], "base"), self.names.live(pair[1], "donor"))
            alpha = round(float(alpha), 3)
            recipe = make_recipe(base=base, donor=donor, merge={"method": METHOD, "alpha": alpha})
            if not self.names.public:
                if not (out or "").strip():
                    raise RecipeError("Name the folder to write.")
                run(recipe, Path((out or "").strip()).expanduser(), progress=Silent())
                return views.sentence_view(f"Written to {(out or '').strip()} with alpha {alpha:g}."), None
            folder = visitor.folder / "merged"
            run(recipe, folder, overwrite=True, progress=Silent())
            archive = visitor.folder / f"merged-alpha-{alpha:g}.zip"
            self._pack(folder, archive)
            shutil.rmtree(folder)
            return views.sentence_view(f"Merged with alpha {alpha:g}; the file is below."), archive

    def _pack(self, folder: Path, archive: Path) -> None:
        """The model in one file; what it says of where its parents lay is nobody's business."""
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(folder.rglob("*")):
                if file.suffix in (".json", ".md", ".yaml"):
                    text = self.names.hidden(file.read_text(encoding="utf-8"), paths=False)
                    packed.writestr(str(file.relative_to(folder)), text)
                elif file.is_file():
                    packed.write(file, file.relative_to(folder))

    def _inputs(self, pair: tuple[str, str], inputs: str | None) -> Path:
        shipped = self.names.inputs(*pair)
        if (inputs or "").strip() and not self.names.public:
            return Path((inputs or "").strip()).expanduser()
        if shipped is None:
            raise SearchError("Name a file of inputs; ready ones exist for pairs of the small models only.")
        return shipped

    @contextmanager
    def _plain(self) -> Iterator[None]:
        """Messages without this machine's paths, where the page is public."""
        try:
            yield
        except AdaMMSError as error:
            hidden = self.names.hidden(str(error))
            if hidden == str(error):
                raise
            raise AdaMMSError(hidden) from None


def _reduced(picture: "Image") -> "Image":
    picture = picture.convert("RGB")
    picture.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    return picture
