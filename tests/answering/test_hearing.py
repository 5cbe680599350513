"""Models that hear: sound and words, as their own processor and `generate` have it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import adamms
import hearing_models
import tiny_models
from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions
from adamms.answering.preparation import Preparation
from adamms.answering.recordings import FRAMES, Video, read_sound, read_video
from adamms.answering.transformers_engine import TransformersEngine
from adamms.errors import SearchError
from adamms.evaluation.verification import verify
from adamms.responses.inputs import Example, read_inputs

HEAR = ("qwen2_audio", "audioflamingo3", "qwen2_5_omni_thinker")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hearing")


def model(models: Path, family: str, *, seed: int = 0) -> Path:
    folder = models / f"{family}-{seed}"
    return folder if folder.exists() else hearing_models.build(family, folder, seed=seed)


@pytest.mark.parametrize("family", HEAR)
def test_answers_are_those_of_the_models_own_generate(models: Path, family: str, tmp_path: Path) -> None:
    folder = model(models, family)
    examples = read_inputs(hearing_models.write_questions(tmp_path, 2))
    engine = TransformersEngine(open_model(folder), options=EngineOptions(max_new_tokens=6))
    engine.prepare(examples)
    answers = {answer.id: answer.response for answer in engine.answer([example.id for example in examples])}
    preparation = Preparation.from_folder(folder)
    extractor, tokenizer = preparation.processor.feature_extractor, preparation.tokenizer
    live = type(engine.model).from_pretrained(folder)
    for example in examples:
        text = preparation.render(0, example.prompt, audio=len(example.audio))
        if example.audio:
            samples = read_sound(example.audio[0], rate=extractor.sampling_rate)
            inputs = preparation.processor(
                text=[text], audio=[samples], audio_kwargs={"sampling_rate": 16_000}, return_tensors="pt"
            )
        else:
            inputs = tokenizer(text, return_tensors="pt")
        tokens = live.generate(**inputs, do_sample=False, max_new_tokens=6)[0, inputs["input_ids"].shape[1] :]
        assert answers[example.id] == tokenizer.decode(tokens, skip_special_tokens=True).strip()
    assert len(dict.fromkeys(answers.values())) == len(examples)  # what it hears changes what it says


def test_search_and_verify_ask_a_model_that_hears(models: Path, tmp_path: Path) -> None:
    base, donor = (model(models, "qwen2_audio", seed=seed) for seed in (0, 1))
    inputs = hearing_models.write_questions(tmp_path)
    found = adamms.search(
        base,
        donor,
        inputs,
        tmp_path / "run",
        alphas="0:0.4:0.2",
        max_new_tokens=4,
        force=True,
        exhaustive=True,
    )
    lines = (tmp_path / "run" / "responses" / "alpha=0.20.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == ["1", "2", "3", "4", "5"]
    (answers,) = (check for check in verify(found.merged).checks if check.name == "answers")
    assert answers.passed
    assert "Qwen2AudioForConditionalGeneration" in answers.detail


def test_words_alone_need_no_library_for_sound(models: Path, tmp_path: Path) -> None:
    """Granite's extractor is made of torchaudio, which these tests do without."""
    engine = TransformersEngine(
        open_model(model(models, "granite_speech")), options=EngineOptions(max_new_tokens=3)
    )
    engine.prepare([Example("a", (), "How are you?")])
    assert [answer.id for answer in engine.answer(["a"])] == ["a"]
    heard = Example("b", (), "Which?", audio=(hearing_models.tone(tmp_path / "a.wav"),))
    with pytest.raises(
        SearchError, match=r"hears no sound here: .* made of torchaudio, which is not installed"
    ):
        engine.prepare([heard])


def test_a_processor_that_cannot_be_built_leaves_the_words(tmp_path: Path) -> None:
    """Pixtral's whole processor asks for torchvision."""
    tiny_models.write_tokenizer("pixtral", tmp_path)
    tiny_models.write_json(tmp_path / "processor_config.json", {"processor_class": "PixtralProcessor"})
    (tmp_path / "chat_template.jinja").write_text(tiny_models.TEMPLATE, encoding="utf-8")
    preparation = Preparation.from_folder(tmp_path)
    text = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert preparation.render(0, "Hi") == text
    assert preparation.prepare([], "Hi")["input_ids"].shape[0] == 1
    with pytest.raises(
        SearchError, match=r"sees no images here: .* made of torchvision, which is not installed"
    ):
        preparation.prepare([tiny_models.picture(8, 8)], "Hi")


def test_what_a_model_does_not_take_is_said(models: Path) -> None:
    preparation = Preparation.from_folder(model(models, "qwen2_audio"))
    with pytest.raises(SearchError, match="it sees no images"):
        preparation.prepare([tiny_models.picture(8, 8)], "Hi")
    with pytest.raises(SearchError, match="it sees no videos"):
        preparation.prepare([], "Hi", video=[Video(np.zeros((2, 8, 8, 3), np.uint8), 1.0)])


def test_sound_is_one_channel_at_the_models_rate(tmp_path: Path) -> None:
    stereo = hearing_models.tone(tmp_path / "a.wav", seconds=0.25, rate=48_000, channels=2)
    samples = read_sound(stereo, rate=16_000)
    assert samples.shape == (4_000,)
    assert samples.dtype == np.float32
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4_000) / 16_000)
    assert np.abs(samples - expected)[200:-200].max() < 1e-3  # the resampler rings at the ends


@pytest.mark.parametrize("content", [b"", b"RIFF" + bytes(60)])
def test_what_is_no_sound_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SearchError, match=r"The sound .*a\.wav"):
        read_sound(tmp_path / "a.wav", rate=16_000)


def test_frames_lie_evenly_over_a_video(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for shade in range(0, 250, 5):
            grey = np.full((16, 16, 3), shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    video = read_video(tmp_path / "a.mp4")
    frames = video.frames
    assert video.rate == pytest.approx(8 * FRAMES / 50)
    assert frames.shape == (FRAMES, 16, 16, 3)
    shades = frames.mean(axis=(1, 2, 3))
    assert np.abs(shades - [5 * (at * 50 // FRAMES) for at in range(FRAMES)]).max() < 6
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(SearchError, match=r"The video .*b\.mp4 cannot be read"):
        read_video(tmp_path / "b.mp4")


@pytest.mark.parametrize(("library", "extra"), [("soundfile", "audio"), ("soxr", "audio"), ("av", "video")])
def test_a_library_that_is_missing_is_named(
    library: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SearchError, match=rf"needs {library} to be read: pip install 'adamms\[{extra}\]'"):
        read_video(tmp_path) if extra == "video" else read_sound(tmp_path, rate=16_000)
