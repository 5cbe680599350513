"""On one's own machine everything has a name; in public neither folders nor paths have any."""

from pathlib import Path

import pytest

from adamms.errors import CheckpointError
from adamms.ui.names import Names
from adamms.zoo import shipped_pair

OWN, PUBLIC = Names(), Names(public=True)


def test_small_models_are_named_and_opened_by_their_folders() -> None:
    assert Path(OWN.source(" small:qwen2-vl ", "base")) == shipped_pair().base
    assert all((folder / "config.json").is_file() for folder in OWN.shipped.values())
    assert OWN.inputs("small:qwen2-vl", "small:llava-onevision") == shipped_pair().inputs
    assert OWN.inputs("small:qwen2-vl", "small:cogvlm") is None
    assert OWN.inputs("owner/name", "small:llava-onevision") is None


@pytest.mark.parametrize("names", [OWN, PUBLIC])
def test_what_is_no_name_gets_a_sentence(names: Names) -> None:
    with pytest.raises(CheckpointError, match=r"Name a base: one of the small models, or a hub id"):
        names.source("  ", "base")
    with pytest.raises(CheckpointError, match=r"no model small:qwen2\. Did you mean small:qwen2-vl\?"):
        names.source("small:qwen2", "donor")


def test_folders_are_the_owner_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert OWN.source(str(tmp_path), "base") == str(tmp_path)
    assert OWN.live("owner/name", "donor") == "owner/name"
    # Also such as are spelled like a hub id.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    for name in (str(tmp_path), "owner/name", "../secret", "~/models", "owner/name+../secret", "/etc"):
        with pytest.raises(CheckpointError, match="is no hub id such as owner/name"):
            PUBLIC.source(name, "base")
    assert PUBLIC.source("owner/other@main", "base") == "owner/other@main"


def test_weights_of_hub_models_stay_where_they_are_in_public() -> None:
    with pytest.raises(CheckpointError, match="Weights are not downloaded here, only headers"):
        PUBLIC.live("owner/other", "donor")
    assert PUBLIC.live("small:llava", "donor").endswith("llava")


def test_paths_of_the_server_are_hidden_in_public_alone() -> None:
    message = f"{shipped_pair().base}/config.json and /srv/secret place/x.json differ; see https://a.org/b/c."

    assert OWN.hidden(message) == message
    hidden = PUBLIC.hidden(message)
    assert "small:qwen2-vl/config.json" in hidden
    assert "https://a.org/b/c" in hidden
    assert "/srv" not in hidden
    assert str(shipped_pair().base.parent) not in hidden
    # Pictures in a page are spelled like paths.
    assert (
        PUBLIC.hidden("data:image/jpeg;base64,/9j/4AAQ/x==", paths=False)
        == "data:image/jpeg;base64,/9j/4AAQ/x=="
    )
