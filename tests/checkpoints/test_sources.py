"""Which part of a name is a model and which an adapter."""

from pathlib import Path

import pytest

from adamms.checkpoints.sources import name_of, parts_of, resolved


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("org/model", ("org/model",)),
        ("org/model@main", ("org/model@main",)),
        ("org/model+org/lora", ("org/model", "org/lora")),
        ("org/model@v1+org/lora@refs/pr/2", ("org/model@v1", "org/lora@refs/pr/2")),
        ("org/model+org/sft+org/dpo", ("org/model", "org/sft", "org/dpo")),
        ("org/model+", ("org/model+",)),
        ("+org/lora", ("+org/lora",)),
        ("nothing+here", ("nothing+here",)),
        ("", ("",)),
    ],
)
def test_hub_ids(source: str, parts: tuple[str, ...]) -> None:
    assert parts_of(source) == parts


def test_folders_decide_where_a_plus_sign_may_be_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("c++/base", "c++/lora+1", "base", "lora", "base+lora"):
        (tmp_path / name).mkdir(parents=True)
    at = str(tmp_path)
    assert parts_of(f"{at}/base+lora") == (f"{at}/base+lora",), "the folder of that very name"
    assert parts_of(f"{at}/c++/base") == (f"{at}/c++/base",)
    assert parts_of(f"{at}/c++/base+{at}/c++/lora+1") == (f"{at}/c++/base", f"{at}/c++/lora+1")
    assert parts_of(f"{at}/base+org/lora@main") == (f"{at}/base", "org/lora@main")
    assert parts_of(f"org/model+{at}/lora") == ("org/model", f"{at}/lora")
    assert parts_of(f"{at}/base+{at}/none") == (f"{at}/base+{at}/none",)
    # Relative to a folder, as in a recipe, and to the current one.
    assert parts_of("c++/base+lora", folder=tmp_path) == ("c++/base", "lora")
    assert resolved("c++/base+lora", folder=tmp_path) == f"{at}/c++/base+{at}/lora"
    assert resolved("org/model+lora", folder=tmp_path) == f"org/model+{at}/lora"
    assert resolved("org/model@v1", folder=tmp_path) == "org/model@v1"
    monkeypatch.chdir(tmp_path)
    assert parts_of("base+c++/lora+1") == ("base", "c++/lora+1")
    monkeypatch.setenv("HOME", at)
    assert parts_of("~/base+~/lora") == ("~/base", "~/lora")
    assert resolved("~/base+~/lora") == f"{at}/base+{at}/lora"


def test_an_identity_gives_the_name_that_opens_it_again() -> None:
    plain = {"source": "/models/base", "revision": None, "fingerprint": "sha256:0"}
    assert name_of(plain) == "/models/base"
    hub = {"source": "org/lora", "revision": "abc", "fingerprint": "commit:abc"}
    assert name_of({**plain, "adapters": [hub]}) == "/models/base+org/lora@abc"
