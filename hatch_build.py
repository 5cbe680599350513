"""Compiles `merging/kernels.c` while the package is built, where there is a C compiler.

Without one, or where it fails, the package is built all the same: numpy computes the same values.
The library is called through ctypes, so it fits every Python; it is told its source's hash, by which
`compiled.py` knows it again.
"""

import os
import subprocess
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MERGING = Path("src/adamms/merging")
# Every operation is rounded by itself and in the order written, so that all machines compute the same.
FLAGS = ("-O3", "-std=c11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno")


class Kernels(BuildHookInterface):
    """Hatchling's hook; it finds the class by its base."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile beside the source, for wheels and editable installs alike."""
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
