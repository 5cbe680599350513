"""Compiles `merging/kernels.c` while the package is built, where there is a C compiler; readies the README.

Without a compiler, or where it fails, the package is built all the same: numpy computes the same values. With
ADAMMS_PURE=1 nothing is compiled, for a wheel that fits every machine. The library is called through ctypes,
so it fits every Python; it is told its source's hash, by which `cpu_kernel.py` knows it again.

A package index shows the README without the files that its links lead to: they become addresses in the
repository (`Source` among the project's urls), or, while there is none, words.
"""

import os
import re
import subprocess
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

MERGING = Path("src/adamms/merging")
# Every operation is rounded by itself and in the order written, so that all machines compute the same.
FLAGS = ("-O3", "-std=c11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno")


class Kernels(BuildHookInterface):
    """Hatchling's hook; it finds the class by its base."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile beside the source, for wheels and editable installs alike."""
        if os.environ.get("ADAMMS_PURE") == "1":
            return
        source = Path(self.root) / MERGING / "kernels.c"
        library = source.with_suffix(".so")
        told = f'-DADAMMS_SOURCE="{sha256(source.read_bytes()).hexdigest()}"'
        command = [os.environ.get("CC", "cc"), *FLAGS, told, str(source), "-lm", "-o", str(library)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            why = getattr(error, "stderr", None) or error
            print(f"adamms: kernels.c was not compiled, merging will be slower: {why}", file=sys.stderr)
            return
        build_data["artifacts"].append(str(MERGING / library.name))
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"


class Readme(MetadataHookInterface):
    """Hatchling's hook for `readme`, which pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the text that a package index shows."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {"content-type": "text/markdown", "text": index_readme(text, source)}


# A link or a picture of Markdown, and the address of one of HTML, that is no address of the network.
RELATIVE = r"(?![a-z]+:|#|//)[^)\s\"]+"
PICTURE = re.compile(rf"!\[([^\]]*)\]\(({RELATIVE})(?: \"[^\"]*\")?\)")
LINK = re.compile(rf"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(({RELATIVE})\)")
ATTRIBUTE = re.compile(rf"\b(src|href|srcset)=\"({RELATIVE})\"")


def index_readme(text: str, source: str | None) -> str:
    """The README with links that work away from the repository.

    Args:
        text: Markdown, with links to files of the repository.
        source: the repository's address on a host of GitHub's kind; None where there is none yet.
    """
    if source is None:
        text = PICTURE.sub(lambda match: f"*{match[1]}*" if match[1] else "", text)
        text = LINK.sub(lambda match: match[1], text)
        return ATTRIBUTE.sub("", text)
    pages, files = f"{source.rstrip('/')}/blob/main/", f"{source.rstrip('/')}/raw/main/"
    text = PICTURE.sub(lambda match: f"![{match[1]}]({files}{match[2].removeprefix('./')})", text)
    text = LINK.sub(lambda match: f"[{match[1]}]({pages}{match[2].removeprefix('./')})", text)
    return ATTRIBUTE.sub(
        lambda match: f'{match[1]}="{pages if match[1] == "href" else files}{match[2].removeprefix("./")}"',
        text,
    )
