"""The live model answers at any alpha what the written merge answers, whoever asked before."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import adamms
from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions, ask_model
from adamms.responses import Example, read_inputs
from adamms.ui.live import LiveMerge, LivePairs
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
KINDS = {example.id.rpartition("-")[0]: example for example in read_inputs(PAIR.inputs)}
QUESTIONS = [example for example in KINDS.values() if example.images][:4]


@pytest.fixture(scope="module")
def live() -> Iterator[LiveMerge]:
    with LiveMerge(str(PAIR.base), str(PAIR.donor), device="cpu") as live:
        yield live


def asked(live: LiveMerge, alpha: float, example: Example) -> tuple[str, float | None]:
    pictures = [Image.open(path).convert("RGB") for path in example.images]
    response = live.ask(alpha, pictures, example.prompt, limit=8)
    assert response.alpha == alpha
    return response.response, response.confidence


@pytest.mark.parametrize("alpha", [0.0, 0.45, 1.0])
def test_it_answers_as_the_written_merge_does(live: LiveMerge, tmp_path: Path, alpha: float) -> None:
    adamms.merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=alpha)
    options = EngineOptions(max_new_tokens=8, device="cpu")
    with open_model(tmp_path / "merged") as merged:
        written = {answer.id: answer for answer in ask_model(merged, QUESTIONS, options=options, alpha=alpha)}

    for example in QUESTIONS:
        text, confidence = asked(live, alpha, example)
        assert text == written[example.id].response
        assert confidence == pytest.approx(written[example.id].confidence, abs=1e-4)


def test_two_who_ask_at_once_do_not_mix() -> None:
    pairs = LivePairs(device="cpu")
    pair = (str(PAIR.base), str(PAIR.donor))
    wanted = [(alpha, example) for alpha in (0.1, 0.9) for example in QUESTIONS]

    def ask(alpha: float, example: Example) -> float | None:
        picture = Image.open(example.images[0]).convert("RGB")
        return pairs.ask(pair, alpha, [picture], example.prompt, limit=8).confidence

    alone = {(alpha, example.id): ask(alpha, example) for alpha, example in wanted}
    assert len(set(alone.values())) == len(alone)
    together: dict[tuple[float, str], list[float | None]] = {key: [] for key in alone}

    def visit(alpha: float, example: Example) -> None:
        for _ in range(3):
            together[alpha, example.id].append(ask(alpha, example))

    visits = [threading.Thread(target=visit, args=question) for question in wanted]
    for thread in visits:
        thread.start()
    for thread in visits:
        thread.join()
    pairs.close()
    assert together == {key: [confidence] * 3 for key, confidence in alone.items()}


def test_only_so_many_pairs_are_held() -> None:
    pairs = LivePairs(device="cpu", at_once=1)
    question = QUESTIONS[0]
    picture = [Image.open(question.images[0]).convert("RGB")]
    there, back = (str(PAIR.base), str(PAIR.donor)), (str(PAIR.donor), str(PAIR.base))

    first = pairs.ask(there, 0.3, picture, question.prompt, limit=4)
    other = pairs.ask(back, 0.3, picture, question.prompt, limit=4)
    again = pairs.ask(there, 0.3, picture, question.prompt, limit=4)

    pairs.close()
    assert again == first
    assert other.confidence != first.confidence
