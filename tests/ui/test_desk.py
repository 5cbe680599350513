"""What clicks do: sentences for what is wrong, nothing of one visitor for another, no path in public."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from adamms.errors import AdaMMSError
from adamms.ui.desk import Desk, Wish
from adamms.ui.names import Names
from adamms.ui.visitors import Visitor
from adamms.zoo import shipped_pair

SMALL = ("small:qwen2-vl", "small:llava-onevision")
ZOO = str(shipped_pair().base.parent.parent)


@pytest.fixture(scope="module")
def own() -> Iterator[Desk]:
    desk = Desk(Names(), device="cpu")
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def public() -> Iterator[Desk]:
    desk = Desk(Names(public=True), device="cpu")
    yield desk
    desk.close()


@pytest.fixture
def visitor(own: Desk, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    yield own.visitors.of(request.node.name)
    own.visitors.left(request.node.name)


def test_a_mapping_says_what_is_merged_and_what_is_left(own: Desk, visitor: Visitor) -> None:
    view, file = own.map(visitor, *SMALL)

    assert "49 tensors merged, 2 in part, 43 kept from the base" in view
    assert "What is left as it is" in view
    assert "vision encoder: stays the base&#x27;s" in view
    assert json.loads(file.read_text())["summary"]["merged"] == 49


def test_what_others_wrote_is_never_markup(own: Desk, visitor: Visitor, tmp_path: Path) -> None:
    hostile = tmp_path / "<img src=x onerror=alert(1)>"
    hostile.symlink_to(shipped_pair().base)

    view, _ = own.map(visitor, str(hostile), SMALL[1])

    assert "<img" not in view
    assert "&lt;img src=x" in view


def test_answers_to_one_question_are_kept_side_by_side(own: Desk, visitor: Visitor) -> None:
    picture = Image.new("RGB", (4000, 3000), "red")
    for alpha in (0.5, 0.1):
        answer, strip = own.ask(visitor, SMALL, alpha, picture, "What color is the shape?", limit=4)
        assert f"alpha {alpha:g}" in answer
    assert strip.count("<tr") == 3
    assert strip.index("0.1</th>") < strip.index("0.5</th>")

    _, strip = own.ask(visitor, SMALL, 0.2, picture, "How many shapes are there?", limit=4)
    assert strip.count("<tr") == 2


def test_two_visitors_do_not_mix(own: Desk) -> None:
    one, other = own.visitors.of("one"), own.visitors.of("other")
    own.ask(one, SMALL, 0.5, None, "What?", limit=2)
    _, strip = own.ask(other, SMALL, 0.1, None, "What?", limit=2)

    assert "0.5</th>" not in strip
    assert one.folder != other.folder
    folder = one.folder
    own.visitors.left("one")
    assert not folder.exists()
    assert other.folder.is_dir()


@pytest.mark.parametrize(
    ("pair", "prompt", "says"),
    [
        (SMALL, "  ", "Type a question first."),
        (("", SMALL[1]), "What?", "Name a base"),
        (("/nowhere", SMALL[1]), "What?", "/nowhere"),
        ((SMALL[0], "small:cogvlm"), "What?", "differ"),
    ],
)
def test_bad_input_gets_a_sentence(
    own: Desk, visitor: Visitor, pair: tuple[str, str], prompt: str, says: str
) -> None:
    with pytest.raises(AdaMMSError, match=says):
        own.ask(visitor, pair, 0.3, None, prompt)


def test_a_search_tells_how_far_it_is_and_ends_with_its_report(
    own: Desk, visitor: Visitor, tmp_path: Path
) -> None:
    wish = Wish(*SMALL, alphas="0,0.3,0.6", samples=12, out=str(tmp_path / "run"))

    steps = list(own.search(visitor, wish))

    assert any("answers" in status for status, _, _ in steps[:-1])
    verdict, report, chosen = steps[-1]
    assert "alpha = " in verdict
    assert report.startswith("<iframe")
    assert "sandbox='allow-scripts'" in report
    assert chosen == json.loads((tmp_path / "run" / "selection.json").read_text())["selected"]
    assert visitor.search is None
    with pytest.raises(AdaMMSError, match="alphas"):
        list(own.search(visitor, Wish(*SMALL, alphas="none")))


def test_a_search_is_stopped_when_it_is_asked_to_and_another_may_begin(own: Desk, visitor: Visitor) -> None:
    steps = own.search(visitor, Wish(*SMALL, samples=400, exhaustive=True))
    next(steps)
    with pytest.raises(AdaMMSError, match="A search of yours is running"):
        next(own.search(visitor, Wish(*SMALL)))

    own.stop(visitor)

    assert "Stopped; nothing was chosen." in list(steps)[-1][0]
    assert visitor.search is None


def test_a_merge_is_saved_where_its_owner_says(own: Desk, visitor: Visitor, tmp_path: Path) -> None:
    said, file = own.save(visitor, SMALL, 0.3, str(tmp_path / "merged"))

    assert "merged with alpha 0.3" in said
    assert file is None
    assert json.loads((tmp_path / "merged" / "adamms.json").read_text())["alpha"] == 0.3
    with pytest.raises(AdaMMSError, match="Name the folder"):
        own.save(visitor, SMALL, 0.3, " ")
    with pytest.raises(AdaMMSError, match="merged"):
        own.save(visitor, SMALL, 0.3, str(tmp_path / "merged"))


def test_in_public_a_merge_is_a_file_and_nothing_names_the_server(public: Desk, tmp_path: Path) -> None:
    visitor = public.visitors.of("somebody")
    _, mapping = public.map(visitor, *SMALL)
    assert ZOO not in mapping.read_text()

    said, file = public.save(visitor, SMALL, 0.3, str(tmp_path / "elsewhere"))

    assert not (tmp_path / "elsewhere").exists()
    assert file is not None
    assert str(file) not in said
    with zipfile.ZipFile(file) as packed:
        assert "model.safetensors" in packed.namelist()
        texts = [
            packed.read(name).decode() for name in packed.namelist() if not name.endswith(".safetensors")
        ]
    for secret in (ZOO, str(visitor.folder), str(Path.home()) + "/"):
        assert not any(secret in text for text in texts)


def test_in_public_a_report_does_not_name_the_server_and_files_are_not_read(
    public: Desk, tmp_path: Path
) -> None:
    visitor = public.visitors.of("somebody")
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text('{"prompt": "secret?"}\n')

    steps = list(public.search(visitor, Wish(*SMALL, inputs=str(inputs), alphas="0,0.3,0.6", samples=10**6)))

    _, report, _ = steps[-1]
    assert "secret?" not in report
    assert "100 inputs" in report or "of 100" in report
    for secret in (ZOO, str(visitor.folder)):
        assert not any(secret in part for step in steps for part in step[:2])
    with pytest.raises(AdaMMSError) as caught:
        public.map(visitor, "/etc/passwd", SMALL[1])
    assert "folders cannot be read here" in str(caught.value)
