"""Is a merged checkpoint what it says it is: complete, finite, changed where it should be, able to answer?

Reads `adamms.json` for the parents and compares with them where they are at hand: a tensor either is a
parent's bit for bit or it is not. Does not repeat the merge.
"""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from adamms.adapters import open_model
from adamms.checkpoints import Checkpoint, TensorSource
from adamms.checkpoints.computed_tensors import read_values
from adamms.checkpoints.hashes import hashes_of
from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.merged_folder import merged_folder
from adamms.checkpoints.sources import name_of
from adamms.errors import AdaMMSError, CheckpointError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging.dtypes import ITEMSIZES

ROWS = 64
"""Rows of a mapped piece that are computed again, about."""
QUESTION = "What is in the picture?"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `passed` is None where it could not be."""

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True, repr=False)
class Verification:
    """All checks of one checkpoint."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Nothing failed; what could not be looked at does not count."""
        return all(check.passed is not False for check in self.checks)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        marks = {True: "ok", False: "FAILED", None: "skipped"}
        return f"Verification({', '.join(f'{check.name} {marks[check.passed]}' for check in self.checks)})"

    def to_json(self) -> dict[str, Any]:
        """What `adamms verify --json` prints."""
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}


def verify(folder: str | Path, *, vision_tower: str | None = None) -> Verification:
    """Check a merged checkpoint, or that of a search's run directory.

    Args:
        folder: where it lies.
        vision_tower: the tower that its layout leaves out.

    Raises:
        CheckpointError: the folder holds no checkpoint of ours.
    """
    folder = merged_folder(folder)
    about = _about(folder)
    with Checkpoint.open(folder) as merged:
        complete = _told("complete", lambda: _complete(merged))
        if not complete.passed:
            return Verification((complete,))
        return Verification(
            (
                complete,
                _told("hashes", lambda: _hashes(merged, about)),
                _told("finite", lambda: _finite(merged)),
                _told("parents", lambda: _parents(merged, about)),
                _told("answers", lambda: _answers(merged, folder, vision_tower=vision_tower)),
            )
        )


def _told(name: str, look: Callable[[], tuple[bool | None, str]]) -> Check:
    try:
        passed, detail = look()
    except AdaMMSError as error:
        passed, detail = False, str(error)
    return Check(name, passed, detail)


def _about(folder: Path) -> dict[str, Any]:
    try:
        about = read_json(folder / "adamms.json")
        return {"base": about["base"], "donor": about["donor"], "mapping": about["mapping"], **about}
    except (OSError, ValueError, KeyError, TypeError):
        raise CheckpointError(
            f"{folder} is not a merged model of ours: there is no readable adamms.json in it."
        ) from None


def _complete(merged: TensorSource) -> tuple[bool, str]:
    merged.require_data()
    size = sum(info.nbytes for info in merged.tensors.values())
    if "config.json" not in merged.auxiliary_files():
        return False, f"config.json is missing in {merged.source}; transformers cannot load it."
    return True, f"{len(merged.tensors)} tensors in {len(merged.shards)} files, {size / 1e9:.2f} GB"


def _hashes(merged: TensorSource, about: dict[str, Any]) -> tuple[bool | None, str]:
    """Every weight file is, bit for bit, what was written."""
    written = about.get("files")
    if not isinstance(written, dict) or not written:
        return None, "adamms.json holds no hashes: it was written by an earlier version"
    paths = {name: merged.files.local_path(name) for name in merged.shards}
    hashes = hashes_of(paths)
    recorded = {name: entry.get("sha256") for name, entry in written.items() if isinstance(entry, dict)}
    if changed := [name for name in {**recorded, **hashes} if recorded.get(name) != hashes.get(name)]:
        return (
            False,
            f"{len(changed)} of {len(hashes)} files are not what was written, the first {changed[0]}",
        )
    return True, f"{len(hashes)} files have the SHA-256 that adamms.json names"


def _finite(merged: TensorSource) -> tuple[bool, str]:
    bad: dict[str, int] = {}
    for info in merged.tensors.values():
        if info.dtype in ITEMSIZES:
            count = int((~torch.isfinite(merged.tensor(info.name))).sum())
            if count:
                bad[info.name] = count
    if bad:
        name, count = next(iter(bad.items()))
        return False, f"{len(bad)} tensors hold NaN or infinity, the first {name} ({count} values)"
    return True, "no NaN, no infinity"


def _parents(merged: TensorSource, about: dict[str, Any]) -> tuple[bool | None, str]:
    """Every tensor outside the mapping is the base's; those inside differ from both parents."""
    with ExitStack() as opened:
        try:
            base, donor = (opened.enter_context(_parent(about[side])) for side in ("base", "donor"))
        except CheckpointError as error:
            return None, f"a parent is not at hand: {error}"
        options = about["mapping"]
        if options.get("edited") or about.get("donors"):
            return None, "merged with an edited mapping or further donors, which adamms.json does not hold"
        mapping = map_parameters(
            base,
            donor,
            duplicates=options["duplicates"],
            vocabulary=options["vocabulary"],
            exclude=tuple(options.get("exclude", ())),
            # What was merged in part was allowed then.
            allow_partial=True,
        )
        mapped = MappedDonor(mapping, base, donor)
        names = frozenset(mapped.names())
        strange, unmoved, off = [], [], []
        alpha = about.get("alpha") if about.get("method") == "linear" else None
        for info in base.tensors.values():
            if info.name not in names and not _is_bases(merged, base, info.name):
                strange.append(info.name)
            # A vector may round back to where it was; a whole matrix does so only if nothing was done to it.
            elif info.name in names and len(info.shape) > 1 and about.get("alpha") not in (0, 1):
                unmoved += [info.name] if _is_unmoved(merged, base, info.name, mapped=mapped) else []
            if info.name in names and isinstance(alpha, int | float):
                off += [info.name] if _is_off(merged, base, info.name, mapped=mapped, alpha=alpha) else []
    if strange:
        return False, f"{len(strange)} tensors outside the mapping are not the base's, the first {strange[0]}"
    if unmoved:
        return False, f"{len(unmoved)} tensors should be merged and are a parent's, the first {unmoved[0]}"
    if off:
        return False, (
            f"{len(off)} tensors do not lie between their parents at alpha {alpha}, the first {off[0]}; "
            "merge again with this version"
        )
    return (
        True,
        f"{len(names)} tensors are merged, {len(base.tensors) - len(names)} are the base's bit for bit; "
        f"{mapping.verdict}",
    )


def _parent(identity: dict[str, Any]) -> TensorSource:
    parent = open_model(name_of(identity), download=True)
    if parent.fingerprint() != identity.get("fingerprint"):
        raise CheckpointError(f"{parent.source} has changed since the merge")
    return parent


def _is_bases(merged: TensorSource, base: TensorSource, name: str) -> bool:
    ours, theirs = merged.tensor(name), base.tensor(name)
    if name in base.computed:
        # With an adapter: rounded once, to the dtype that was written.
        theirs = torch.from_numpy(read_values(base, name, 0, ours.numel())).view(ours.shape)
    return torch.equal(ours, theirs.to(ours.dtype))


def _is_unmoved(merged: TensorSource, base: TensorSource, name: str, *, mapped: MappedDonor) -> bool:
    """Whether the rows that should be merged are one parent's although the parents differ."""
    like_base = like_donor = alike = True
    for piece in mapped.pieces(name):
        ours = merged.tensor(name)[slice(*piece.base_rows)]
        one = base.tensor(name)[slice(*piece.base_rows)].to(ours.dtype)
        two = mapped.checkpoint.tensor(piece.donor)[slice(*piece.donor_rows)].to(ours.dtype)
        like_base &= torch.equal(ours, one)
        like_donor &= torch.equal(ours, two)
        alike &= torch.equal(one, two)
    return (like_base or like_donor) and not alike


def _is_off(
    merged: TensorSource, base: TensorSource, name: str, *, mapped: MappedDonor, alpha: float
) -> bool:
    """Whether some of a tensor's rows are not the weighted mean of the rows that the mapping pairs."""
    ours, first = merged.tensor(name), base.tensor(name)
    if not ours.is_floating_point():
        return False
    for piece in mapped.pieces(name):
        start, stop = piece.base_rows
        step = max((stop - start) // ROWS, 1)
        shift = piece.donor_rows[0] - start
        one = first[start:stop:step].double()
        two = mapped.checkpoint.tensor(piece.donor)[start + shift : stop + shift : step].double()
        # Rounded once, from float32, of values that an adapter may have changed before they were rounded.
        room = 2 * torch.finfo(ours.dtype).eps * (one.abs() + two.abs()) + torch.finfo(ours.dtype).tiny
        if ((ours[start:stop:step].double() - (1 - alpha) * one - alpha * two).abs() > room).any():
            return True
    return False


def _answers(merged: TensorSource, folder: Path, *, vision_tower: str | None) -> tuple[bool, str]:
    """Load the model with transformers and ask it one thing."""
    from PIL import Image

    from adamms.answering.engine import EngineOptions
    from adamms.answering.preparation import Preparation
    from adamms.answering.transformers_engine import TransformersEngine
    from adamms.responses import Example

    with tempfile.TemporaryDirectory() as scratch:
        picture = Path(scratch) / "grey.png"
        Image.new("RGB", (96, 96), (128, 128, 128)).save(picture)
        sees = Preparation.from_folder(folder, vision_tower=vision_tower).takes_images
        images = (picture,) if sees else ()
        options = EngineOptions(max_new_tokens=8, batch_size=1, vision_tower=vision_tower)
        live = TransformersEngine(merged, options=options)
        live.prepare([Example("verify", images, QUESTION)])
        response = next(iter(live.answer(["verify"])))
    kind = type(live.model).__name__
    return True, f"loads as {kind}; asked {QUESTION!r} it says {response.response[:60]!r}"
