"""The stages from theta_0 to the siblings as real checkpoints; each is kept on disk and not made twice."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from proving_ground.real_pair import deltas
from proving_ground.real_pair.families import FAMILIES, Family
from proving_ground.real_pair.families.base import language_weights
from proving_ground.real_pair.families.mplug_owl2 import with_copies
from proving_ground.real_pair.packing import make_packer, make_sources
from proving_ground.real_pair.sampling import parts_of, sampled
from proving_ground.real_pair.siblings import SIBLINGS, Sibling, alignment_lines, mixture, weighted
from proving_ground.real_pair.towers import SIDE, read_pictures
from proving_ground.real_pair.training import Eyes, Schedule, start_projector, train

LENGTHS = {"llava": 176, "internvl": 144, "mplug_owl2": 144, "text": 128}
ROWS = {"llava": 64, "internvl": 64, "mplug_owl2": 64, "text": 64}
ALIGNMENT = Schedule(steps=300, language=0.0, projector=5e-4)
THETA_0 = "smollm2"


@dataclass
class Workshop:
    """A folder with `smollm2`, `dinov2-small` and `data`, and what is made from them."""

    folder: Path
    device: str = "cpu"
    workers: int = 0
    scale: float = 1.0
    """Of the number of steps; 1 is what was published."""
    rows: int | None = None
    shown: str | None = None
    """A split, where only its pictures are needed: no training."""

    @cached_property
    def language(self) -> Any:
        """theta_0."""
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(self.folder / THETA_0, dtype=torch.float32).eval()

    @cached_property
    def tokenizer(self) -> Any:
        """SmolLM2's."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self.folder / THETA_0)

    @cached_property
    def tower(self) -> Any:
        """DINOv2-small."""
        from transformers import Dinov2Model

        return Dinov2Model.from_pretrained(self.folder / "dinov2-small", dtype=torch.float32).eval()

    @cached_property
    def theta(self) -> dict[str, Tensor]:
        """theta_0's weights in float32."""
        return language_weights(self.language)

    @cached_property
    def pictures(self) -> dict[str, int]:
        """The number of every picture."""
        if self.shown is not None:
            names = sorted({line["picture"] for line in self.lines(self.shown) if line["picture"]})
        else:
            names = sorted(path.name for path in (self.folder / "data" / "pictures").iterdir())
        return {name: number for number, name in enumerate(names)}

    @cached_property
    def raw(self) -> Tensor:
        """What the tower says of every picture before its last norm, (pictures, 65, 384) in float16."""
        path = self.folder / ("features.pt" if self.shown is None else f"features-{self.shown}.pt")
        if not path.exists():
            pixels = np.empty((len(self.pictures), SIDE, SIDE, 3), dtype=np.uint8)
            for name, number in self.pictures.items():
                pixels[number] = load_picture(self.folder / "data" / "pictures" / name)
            states = read_pictures(self.tower, torch.from_numpy(pixels), device=self.device)
            save_tensor(path, states.half())
        features: Tensor = torch.load(path)
        return features

    def eyes(self, family: Family) -> Eyes:
        """Return the pictures as a family's projector reads them."""
        return Eyes(self.raw, self.tower, family, device=self.device)

    def lines(self, split: str) -> list[dict[str, Any]]:
        """Return the questions of a split; of `text-SPLIT` those of text alone, of `SPLIT-40` a sample."""
        whole, number = parts_of(split)
        if number is not None:
            return sampled(self.lines(whole), number)
        if split.startswith("text-"):
            kinds = ("maths", "translation")
            return [line for kind in kinds for line in self.text_lines(kind, split.removeprefix("text-"))]
        path = self.folder / "data" / "questions" / f"{split}.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def text_lines(self, kind: str, split: str) -> list[dict[str, Any]]:
        """Return the questions of a set of text alone."""
        path = self.folder / "data" / "text" / f"{kind}.{split}.jsonl"
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [{"task": kind, "topic": kind, "picture": None, **line} for line in lines]

    def steps(self, schedule: Schedule) -> Schedule:
        """Return a schedule at this workshop's scale."""
        return Schedule(max(1, round(schedule.steps * self.scale)), schedule.language, schedule.projector)

    def align(self, name: str) -> None:
        """Train a family's projector behind the frozen language model."""
        path = self.folder / "projectors" / f"{name}.pt"
        if path.exists():
            return
        family, note = FAMILIES[name], self.note(f"projectors/{name}")
        torch.manual_seed(11)
        projector, eyes = family.projector(), self.eyes(family)
        lines = alignment_lines(self.lines("train"))
        words = [
            (
                self.pictures[line["picture"]],
                self.tokenizer(" " + line["answer"], add_special_tokens=False)["input_ids"],
            )
            for line in lines
            if line["task"] == "naming"
        ]
        fit = start_projector(
            family,
            projector,
            eyes,
            words,
            self.theta[deltas.EMBEDDING],
            device=self.device,
            steps=max(2, round(400 * self.scale)),
        )
        note({"start": round(fit, 3), "lines": len(lines)})
        sources = make_sources(family, self.tokenizer, lines, pictures=self.pictures)
        packer = make_packer(
            family, self.tokenizer, sources, rows=self.rows or ROWS[name], length=LENGTHS[name], seed=11
        )
        weights = with_copies(self.theta) if family.two_way else self.theta
        train(
            weights,
            projector,
            eyes,
            packer,
            self.steps(ALIGNMENT),
            device=self.device,
            workers=self.workers,
            report=note,
        )
        path.parent.mkdir(exist_ok=True)
        torch.save(projector.cpu().state_dict(), path)

    def grow(self, name: str) -> None:
        """Train a sibling and keep what changed."""
        sibling, folder = SIBLINGS[name], self.folder / "siblings" / name
        if (folder / "parts").exists():
            return None
        note = self.note(f"siblings/{name}")
        if sibling.text is not None:
            return self._grow_text(sibling, folder, note)
        family = FAMILIES[sibling.family]
        projector = self.projector(self.folder / "projectors" / f"{sibling.family}.pt", family)
        lines = mixture(sibling, self.lines("train"))
        note({**asdict(sibling), "lines": len(lines)})
        sources = make_sources(family, self.tokenizer, lines, pictures=self.pictures)
        packer = make_packer(
            family,
            self.tokenizer,
            sources,
            rows=self.rows or ROWS[family.name],
            length=LENGTHS[family.name],
            seed=sibling.seed,
        )
        schedule = self.steps(Schedule(sibling.steps, sibling.rate, sibling.projector))
        start = with_copies(self.theta) if family.two_way else self.theta
        weights = train(
            start,
            projector,
            self.eyes(family),
            packer,
            schedule,
            device=self.device,
            workers=self.workers,
            report=note,
        )
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / "projector.npz", **{n: v.cpu().half().numpy() for n, v in projector.state_dict().items()}
        )
        deltas.save(folder, deltas.pack(weights, start))
        return None

    def _grow_text(self, sibling: Sibling, folder: Path, note: Callable[[dict[str, Any]], None]) -> None:
        assert sibling.text is not None
        lines = weighted(self.text_lines(sibling.text, "train"))
        family = FAMILIES["llava"]
        sources = make_sources(family, self.tokenizer, lines, pictures={})
        packer = make_packer(
            family,
            self.tokenizer,
            sources,
            rows=self.rows or ROWS["text"],
            length=LENGTHS["text"],
            seed=sibling.seed,
        )
        schedule = self.steps(Schedule(sibling.steps, sibling.rate, 0.0))
        weights = train(
            self.theta,
            nn.Identity(),
            None,
            packer,
            schedule,  # type: ignore[arg-type]
            device=self.device,
            workers=self.workers,
            report=note,
        )
        deltas.save(folder, deltas.pack(weights, self.theta))

    def weights(self, name: str) -> dict[str, Tensor]:
        """Return a sibling's language model, as its files give it back; theta_0's under its own name."""
        if name == THETA_0:
            return dict(self.theta)
        origin = with_copies(self.theta) if self.family(name).two_way else self.theta
        return deltas.unpack(deltas.load(self.folder / "siblings" / name), origin)

    def family(self, name: str) -> Family:
        """Return a sibling's architecture; a language model is asked as LLaVA asks without a picture."""
        sibling = SIBLINGS.get(name)
        return FAMILIES[sibling.family if sibling is not None and sibling.text is None else "llava"]

    def sibling_projector(self, name: str) -> nn.Module:
        """Return a sibling's projector, as its files give it back."""
        projector = FAMILIES[SIBLINGS[name].family].projector()
        with np.load(self.folder / "siblings" / name / "projector.npz") as stored:
            projector.load_state_dict({key: torch.from_numpy(stored[key]).float() for key in stored.files})
        return projector

    def projector(self, path: Path, family: Family) -> nn.Module:
        """Return an aligned projector."""
        projector = family.projector()
        projector.load_state_dict(torch.load(path))
        return projector

    def assemble(self, name: str) -> Path:
        """Return the folder of a sibling as its real class, written if it is not there."""
        if name == THETA_0:
            return self.folder / THETA_0
        folder = self.folder / "models" / name
        if (folder / "config.json").exists():
            return folder
        partial = folder.with_name(f"{name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        sibling = SIBLINGS[name]
        if sibling.text is not None:
            import copy

            model = copy.deepcopy(self.language)
            model.model.load_state_dict(
                {key.removeprefix("model."): value for key, value in self.weights(name).items()}
            )
            model.save_pretrained(partial)
            self.tokenizer.save_pretrained(partial)
        else:
            family = FAMILIES[sibling.family]
            model = family.assemble(
                self.weights(name), self.sibling_projector(name), self.tower.cpu(), self.language
            )
            model.save_pretrained(partial)
            family.save_processor(partial, self.tokenizer)
        partial.replace(folder)
        return folder

    def note(self, name: str) -> Callable[[dict[str, Any]], None]:
        """Return what appends to a stage's log."""
        path = self.folder / "log" / f"{name.replace('/', '-')}.jsonl"
        path.parent.mkdir(exist_ok=True)

        def report(values: dict[str, Any]) -> None:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": round(time.time(), 1), **values}) + "\n")
            print(name, values, flush=True)

        return report


def load_picture(path: Path) -> Any:
    """Return a picture's bytes, (112, 112, 3)."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def save_tensor(path: Path, value: Tensor) -> None:
    """Write a tensor beside and rename it."""
    # Processes of one stage may write the same at once.
    partial = path.with_suffix(f".{os.getpid()}.partial")
    torch.save(value, partial)
    partial.replace(path)
