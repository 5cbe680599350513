"""Which models a visitor may name, and what of this machine a visitor may read.

On one's own machine that is any folder and any hub id. In public (a Space, or a host that others reach) it is
hub ids, of which headers alone are read, and the small models that ship; folders are refused, and no message
or page names a path of the server.
"""

import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adamms.checkpoints.sources import HUB_ID, exists
from adamms.errors import CheckpointError, did_you_mean
from adamms.zoo import MODEL_FAMILIES, PAIRS, shipped_pair

SMALL = "small:"
"""Begins the names of the models that ship."""
PATH = re.compile(r"(?<![\w:/.<])/(?:[\w.@+~ -]+/)*[\w.@+~-]+")


@dataclass(frozen=True)
class Names:
    """What models are called here."""

    public: bool = False
    """Whether others than the owner of this machine use the page."""

    @property
    def shipped(self) -> Mapping[str, Path]:
        """The small models by name."""
        folder = shipped_pair().base.parent.parent
        return {
            f"{SMALL}{model}": folder / family.folder / model
            for family in MODEL_FAMILIES
            for model in family.titles
        }

    def source(self, name: str, role: str) -> str:
        """What opens the model of this name.

        Args:
            name: as the visitor wrote it.
            role: `base` or `donor`, for the message.

        Raises:
            CheckpointError: it is empty, unknown, or a folder of a machine that is not the visitor's.
        """
        name = name.strip()
        if not name:
            raise CheckpointError(f"Name a {role}: one of the small models, or a hub id such as owner/name.")
        if name.startswith(SMALL):
            if name not in self.shipped:
                raise CheckpointError(f"There is no model {name}.{did_you_mean(name, self.shipped)}")
            return str(self.shipped[name])
        if self.public and (HUB_ID.fullmatch(name) is None or exists(name)):
            raise CheckpointError(
                f"The {role} {name} is no hub id such as owner/name; folders cannot be read here."
            )
        return name

    def live(self, name: str, role: str) -> str:
        """As `source`, for a model whose weights are read.

        Raises:
            CheckpointError: as `source`; or its weights would be downloaded to a machine of others.
        """
        source = self.source(name, role)
        if self.public and not name.strip().startswith(SMALL):
            raise CheckpointError(
                f"Weights are not downloaded here, only headers; to run {name.strip()}, use `adamms ui` on a "
                "machine of yours. The small models can be played with."
            )
        return source

    def inputs(self, base: str, donor: str) -> Path | None:
        """The inputs that ship with a small pair; None for other models."""
        pair = f"{base.strip().removeprefix(SMALL)}-{donor.strip().removeprefix(SMALL)}"
        both = all(name.strip().startswith(SMALL) for name in (base, donor))
        return shipped_pair(pair).inputs if both and pair in PAIRS else None

    def hidden(self, text: str, *, paths: bool = True) -> str:
        """A text without the paths of this machine, if it is one of others; else as it is.

        Args:
            text: a message, or a page.
            paths: also those that merely look like one; off for a page, whose pictures are spelled alike.
        """
        if not self.public:
            return text
        for name, folder in self.shipped.items():
            text = text.replace(str(folder), name)
        zoo = shipped_pair().inputs.parent.parent
        roots = (zoo, tempfile.gettempdir(), Path.cwd(), sys.prefix, Path.home())
        for root in sorted(map(str, roots), key=len, reverse=True):
            if len(root) > 1:
                text = text.replace(f"{root}/", "")
        return PATH.sub(lambda match: match[0].rpartition("/")[2], text) if paths else text
