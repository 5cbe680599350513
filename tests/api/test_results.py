"""What the Python functions give back on the shipped pair: in short, drawn, as frames; and their errors."""

import base64
import re
import textwrap
from pathlib import Path

import pytest
from PIL import Image

import adamms
from adamms.runs.search_run import SearchResult
from adamms.zoo import shipped_pair

PAIR = shipped_pair()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return adamms.search(
        PAIR.base,
        PAIR.donor,
        PAIR.inputs,
        tmp_path_factory.mktemp("search") / "run",
        alphas=[0, 0.3, 0.6],
        samples=8,
        max_new_tokens=6,
        exhaustive=True,
        answers=PAIR.answers,
    )


def test_results_are_short_in_words(found: SearchResult, tmp_path: Path) -> None:
    merged = adamms.merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=0.3)
    shown = {
        "search": repr(found),
        "selection": repr(found.selection),
        "choice": repr(adamms.select(found.path)),
        "merge": repr(merged),
        "mapping": repr(adamms.map_parameters(PAIR.base, PAIR.donor)),
        "inspection": repr(adamms.inspect(PAIR.base)),
        "comparison": repr(adamms.compare([found.path, merged.path])),
    }
    assert {name: text for name, text in shown.items() if len(text) > 400} == {}
    assert f"alpha = {found.selected:g} by witnesses" in shown["search"]
    assert "3 candidates, 8 inputs" in shown["choice"]
    assert "49 tensors merged, 2 in part, 43 kept" in shown["merge"]
    assert "Qwen2VLForConditionalGeneration" in shown["inspection"]
    assert "by hand" in shown["comparison"]


def test_a_notebook_shows_the_verdict_and_the_curve(found: SearchResult) -> None:
    page = found._repr_html_()
    assert f"<b>alpha = {found.selected:g}" in page
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', page)
    assert picture is not None
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
    assert f"Chosen: alpha {found.selected:g}." in page


def test_frames_and_plots(found: SearchResult) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("pandas")
    frame = found.to_frame()
    assert list(frame.index) == [0, 0.3, 0.6]
    assert frame.loc[found.selected, "chosen"]
    assert frame.loc[0.3, "accuracy"] == found.accuracy[0.3]
    own = found.selection.signal("witnesses")
    assert frame.loc[0.3, "witnesses"] == own.score(0.3)
    mapping = adamms.map_parameters(PAIR.base, PAIR.donor).to_frame()
    assert mapping["status"].value_counts().to_dict() == {"merged": 49, "partly": 2, "kept": 43}
    pyplot.switch_backend("agg")
    score, accuracy = found.plot()
    assert list(score.lines[0].get_xdata()) == [0, 0.3, 0.6]
    assert list(score.lines[0].get_ydata()) == [own.score(alpha) for alpha in (0, 0.3, 0.6)]
    assert "Accuracy" in accuracy.get_title(loc="left")
    assert found.plot(axes=pyplot.figure().add_subplot()) is not None
    pyplot.close("all")


def test_the_documented_snippets_work_on_whatever_a_search_left(
    found: SearchResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    page = Path(__file__).parents[2] / "docs" / "concepts" / "searching.md"
    section = page.read_text().partition("### From Python")[2].partition("\n#")[0]
    of_a_choice, of_answers = re.findall(r"(?:^    .*\n|^\n)+", section, re.MULTILINE)[:2]
    read = adamms.search(
        PAIR.base,
        PAIR.donor,
        PAIR.inputs,
        tmp_path / "run",
        alphas=[0, 0.3, 0.6],
        samples=8,
        max_new_tokens=6,
    )
    assert read.selection.reading is not None
    for run, snippets in ((read, (of_a_choice,)), (found, (of_a_choice, of_answers))):
        monkeypatch.chdir(run.path.parent)
        for snippet in snippets:
            exec(textwrap.dedent(snippet), {})
    pyplot.close("all")


def test_a_choice_is_made_again_by_labels(found: SearchResult) -> None:
    by_labels = adamms.select(found.path, labels=True)
    assert by_labels.selection.rule == "labels"
    best = max(by_labels.accuracy.values())
    assert by_labels.accuracy[by_labels.selected] == best == found.accuracy[by_labels.selected]


def test_a_model_is_evaluated_verified_and_loaded(found: SearchResult) -> None:
    scores = adamms.evaluate(
        found.merged, PAIR.inputs, answers=PAIR.answers, samples=8, max_new_tokens=6, progress=False
    )
    assert scores.by_alpha == {found.selected: scores.score}
    assert f"{scores.score:.1%}" in repr(scores)
    candidates = adamms.evaluate(found.path, PAIR.inputs, answers=PAIR.answers)
    assert list(candidates.by_alpha) == [0, 0.3, 0.6]
    assert candidates.by_alpha == found.accuracy
    with pytest.raises(ValueError, match="3 candidates were scored"):
        _ = candidates.score
    model = adamms.load(found.path)
    picture = PAIR.inputs.parent / "images" / "price-001.png"
    answer = model.answer("How much does this cost?", picture)
    assert answer == model.answer("How much does this cost?", Image.open(picture), max_new_tokens=8)
    assert model.model.config.model_type == "qwen2_vl"
    assert model.processor.image_processor is not None
    assert "Qwen2VLForConditionalGeneration" in repr(model)


def test_mistakes_are_said_in_pythons_words(found: SearchResult, tmp_path: Path) -> None:
    pair, out = (PAIR.base, PAIR.donor), tmp_path / "out"
    mistakes = {
        r"overwrite=True": lambda: adamms.merge(*pair, found.merged, alpha=0.3),
        r"^alpha: .*not 2": lambda: adamms.merge(*pair, out, alpha=2),
        r"\(pretrained\)": lambda: adamms.merge(*pair, out, method="ties"),
        r"^rule: .*did you mean witnesses\?": lambda: adamms.search(*pair, PAIR.inputs, out, rule="witneses"),
        r"^compute_dtype: ": lambda: adamms.search(*pair, PAIR.inputs, out, compute_dtype="bf16"),
        r"labels chooses|labels=True chooses": lambda: adamms.select(found.path, labels=True, rule="sum"),
        r"There is no folder": lambda: adamms.verify(tmp_path / "nowhere"),
        r"There is no folder|owner/name": lambda: adamms.load(tmp_path / "nowhere"),
        r"one of them": lambda: adamms.evaluate(found.merged),
    }
    for message, mistake in mistakes.items():
        with pytest.raises(adamms.AdaMMSError, match=message) as caught:
            mistake()
        assert " --" not in str(caught.value)
    assert not out.exists()
