"""The parents' licences: one for the card, and a warning with the names where they pull apart."""

from pathlib import Path

import pytest

from adamms.checkpoints import Checkpoint
from adamms.reports.licences import Licences, card_licence, licence_of
from small_pairs import write_qwen2_vl


@pytest.mark.parametrize(
    ("base", "donor", "metadata", "warned"),
    [
        ("mit", "mit", {"license": "mit"}, ""),
        ("mit", "apache-2.0", {"license": "apache-2.0"}, ""),
        (
            "apache-2.0",
            "cc-by-nc-4.0",
            {"license": "cc-by-nc-4.0"},
            "A under apache-2.0, B under cc-by-nc-4.0",
        ),
        (
            "llama3.1",
            "cc-by-nc-4.0",
            {"license": "other", "license_name": "llama3.1-and-cc-by-nc-4.0"},
            "A under llama3.1, B under cc-by-nc-4.0",
        ),
        ("llama3.1", "llama3.1", {"license": "llama3.1"}, ""),
        ("apache-2.0", None, {}, "The licence of B is not known"),
        (None, None, {}, "The licence of A and B is not known"),
    ],
)
def test_two_licences_become_one_or_a_warning(
    base: str | None, donor: str | None, metadata: dict[str, str], warned: str
) -> None:
    licences = Licences({"A": base, "B": donor})

    assert licences.metadata == metadata
    assert bool(licences.warnings) is bool(warned)
    assert warned in " ".join(licences.warnings)


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: Apache-2.0\nlanguage: en\n---\n# Base\n", "apache-2.0"),
        ("---\r\nlicense: mit\r\n---\r\n", "mit"),
        ("---\nlicense: other\nlicense_name: qwen\n---\n", "qwen"),
        ("no metadata", None),
        ("---\n: [\n---\n", None),
        ("---\n- a\n---\n", None),
        ("---\nlicense: [a]\n---\n", None),
        ("# Title\n---\nlicense: mit\n---\n", None),
    ],
)
def test_a_licence_is_read_from_a_card(card: str, licence: str | None) -> None:
    assert card_licence(card) == licence


def test_a_models_licence_is_in_its_card_or_its_file(tmp_path: Path) -> None:
    folder = write_qwen2_vl(tmp_path / "model")
    with Checkpoint.open(folder) as model:
        assert licence_of(model) is None
        (folder / "LICENSE").write_text("\n   Apache License\n   Version 2.0, January 2004\n")
        assert licence_of(model) == "apache-2.0"
        (folder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
        assert licence_of(model) == "cc-by-nc-4.0"
        (folder / "README.md").unlink()
        (folder / "LICENSE").write_text("All rights reserved.")
        assert licence_of(model) is None
