"""What cannot be made stops the first stage, in a sentence."""

from pathlib import Path

import pytest

from adamms.errors import AdaMMSError
from proving_ground.real_pair import data
from proving_ground.real_pair.__main__ import main
from proving_ground.real_pair.origin import make_origin


@pytest.fixture
def without_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("smollm2", "dinov2-small"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
    monkeypatch.setattr(data, "missing_modules", list)
    monkeypatch.setattr(data, "missing_fonts", lambda: ["Lato-Regular.ttf"])
    return tmp_path


def test_questions_that_cannot_be_made_stop_it(without_fonts: Path) -> None:
    with pytest.raises(AdaMMSError, match="could not be made"):
        make_origin(without_fonts)


def test_the_command_says_so_without_a_traceback(
    without_fonts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(without_fonts), "--stages", "origin", "--device", "cpu"]) == 2
    assert "apt-get install" in capsys.readouterr().err
