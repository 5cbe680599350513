"""What the licences of a merge's parents say together: one for its card, and a warning where they pull apart.

A name is all that is compared. Whether one licence allows what another demands is a lawyer's question; that
two parents are under different terms is what a person should hear before publishing.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml

from adamms.checkpoints import TensorSource
from adamms.checkpoints.limits import MB
from adamms.checkpoints.plain_yaml import read_yaml
from adamms.errors import AdaMMSError

PERMISSIVE = (
    "apache-2.0",
    "mit",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "isc",
    "unlicense",
    "cc0-1.0",
    "cc-by-4.0",
    "cdla-permissive-2.0",
)
"""Whose terms may be met beside any other's, by naming them; the first of several goes to the card."""
TEXTS = {"Apache License": "apache-2.0", "MIT License": "mit"}
"""How a file LICENSE begins."""
LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE")


def licence_of(model: TensorSource) -> str | None:
    """The licence that a model comes with: in its card's metadata, or by the first words of its LICENSE."""
    with suppress(AdaMMSError, OSError):
        if model.files.has("README.md"):
            named = card_licence(model.files.contents("README.md", limit=MB).decode("utf-8", "replace"))
            if named is not None:
                return named
    for name in LICENCE_FILES:
        with suppress(AdaMMSError, OSError):
            if model.files.has(name):
                begins = model.files.contents(name, limit=MB)[:400].decode("utf-8", "replace")
                return next((licence for words, licence in TEXTS.items() if words in begins), None)
    return None


def card_licence(card: str) -> str | None:
    """The licence in a model card's metadata; of one that hubs do not list (`other`) its own name."""
    parts = card.replace("\r\n", "\n").split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return None
    try:
        data: Any = read_yaml(parts[1])
    except (yaml.YAMLError, ValueError):
        return None
    if not isinstance(data, dict):
        return None
    licence = data.get("license")
    own = data.get("license_name") if licence == "other" else None
    named = own if isinstance(own, str) else licence
    return named.strip().lower() if isinstance(named, str) and named.strip() else None


@dataclass(frozen=True)
class Licences:
    """The licences of a merge's parents."""

    by_parent: Mapping[str, str | None]
    """A parent's name -> its licence; None where it is not known."""

    @property
    def _strict(self) -> list[str]:
        named = dict.fromkeys(licence for licence in self.by_parent.values() if licence is not None)
        return [licence for licence in named if licence not in PERMISSIVE]

    @property
    def metadata(self) -> dict[str, str]:
        """The card's `license`; nothing where a parent's is not known, since nothing can be promised then."""
        known = dict.fromkeys(licence for licence in self.by_parent.values() if licence is not None)
        if not known or None in self.by_parent.values():
            return {}
        if len(self._strict) > 1:
            return {"license": "other", "license_name": "-and-".join(self._strict)}
        if self._strict:
            return {"license": self._strict[0]}
        return {"license": next(licence for licence in PERMISSIVE if licence in known)}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to think of before the merge is published; empty where the parents agree."""
        named = ", ".join(
            f"{parent} under {licence}" for parent, licence in self.by_parent.items() if licence is not None
        )
        said = []
        if len(self._strict) > 1:
            said.append(
                f"The parents' licences differ: {named}. A merge is bound by both; make sure that they allow "
                "it."
            )
        elif self._strict and len(dict.fromkeys(self.by_parent.values())) > 1:
            said.append(
                f"The parents' licences differ: {named}. The merge goes out under {self._strict[0]}, the "
                "narrower one; make sure that it allows that."
            )
        unknown = [parent for parent, licence in self.by_parent.items() if licence is None]
        if unknown:
            said.append(
                f"The licence of {' and '.join(unknown)} is not known, so the card names none; look it up."
            )
        return tuple(said)

    @property
    def sentence(self) -> str:
        """The card's words."""
        parts = [f"{parent}: {licence or 'not known'}" for parent, licence in self.by_parent.items()]
        return f"The licences of all parents apply ({'; '.join(parts)})."
