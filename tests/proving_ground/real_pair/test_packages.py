from pathlib import Path

import pytest

from proving_ground.real_pair.pictures.packages import NPM, PackageError, unpacked


def test_an_archive_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    package = next(package for package in NPM if package.maker == "fluent")
    (tmp_path / package.file).write_bytes(b"something else")

    with pytest.raises(PackageError, match=r"fluent-emoji-flat 1\.2\.6: its sha256 is"):
        unpacked("fluent", tmp_path)

    assert not (tmp_path / "unpacked").exists()


def test_what_is_unpacked_is_not_fetched_again(packages: Path) -> None:
    folder = unpacked("world", packages)

    assert (folder / "countries.json").is_file()
    assert not list(packages.glob("*.tgz"))


def test_every_package_says_under_what_licence_its_drawings_are() -> None:
    assert all(package.licence and len(package.sha256) == 64 for package in NPM)
    assert len({package.maker for package in NPM}) == len(NPM)
