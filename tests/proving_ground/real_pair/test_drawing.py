from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from proving_ground.real_pair.pictures.apart import shared_pixels
from proving_ground.real_pair.pictures.compositing import paste
from proving_ground.real_pair.pictures.drawing import drawn
from proving_ground.real_pair.pictures.lettering import FOLDER
from proving_ground.real_pair.pictures.picture import PIXELS, Picture
from proving_ground.real_pair.pictures.shapes import COLOURS
from real_pictures import (
    chart_picture,
    digit_picture,
    emoji_picture,
    pair_picture,
    shapes_picture,
    spoiled_picture,
    word_picture,
)


def pixels(picture: Picture, packages: Path) -> np.ndarray:
    image = drawn(picture, cache_folder=packages)
    assert image.mode == "RGB"
    assert image.size == (PIXELS, PIXELS)
    return np.asarray(image).astype(int)


def test_a_picture_comes_out_the_same_every_time(packages: Path) -> None:
    picture = emoji_picture(angle=7.0)

    assert (pixels(picture, packages) == pixels(picture, packages)).all()


@pytest.mark.parametrize(("place", "middle"), [("left", 28), ("centre", 56), ("right", 84)])
def test_a_drawing_stands_where_its_facts_say(packages: Path, place: str, middle: int) -> None:
    shown = pixels(emoji_picture(place=place), packages)

    # The drawing is dark green, what is behind it light blue; half as wide as the picture.
    columns = np.flatnonzero((shown[:, :, 2] < 60).any(axis=0))
    assert abs(columns.mean() - middle) <= 1.5
    assert abs(len(columns) - 56) <= 2


def test_a_drawing_pushed_out_leaves_its_visible_share() -> None:
    picture = Image.new("RGB", (100, 100), "white")
    paste(picture, Image.new("RGBA", (50, 50), "black"), side=50, angle=0, where=(0.0, 0.5), visible=0.2)

    assert (np.asarray(picture)[:, :, 0] == 0).sum() == 10 * 50


def test_a_rim_is_a_black_line_around_the_drawing(packages: Path) -> None:
    plain, rimmed = (pixels(emoji_picture(rim=rim, size=0.9), packages) for rim in (0, 3))

    def black(shown: np.ndarray) -> np.ndarray:
        return (shown.max(axis=2) < 40).any(axis=0)

    assert not black(plain).any()
    assert black(rimmed).sum() > 40
    # The drawing itself is as green as before.
    assert np.abs(rimmed[56, 56] - plain[56, 56]).max() <= 2


def test_the_first_of_two_things_is_the_upper_and_the_larger(packages: Path) -> None:
    dark = (pixels(pair_picture(), packages)[:, :, 2] < 60)[4:-4, 4:-4]

    assert dark[:52].sum() > 1.5 * dark[52:].sum() > 0


def test_shapes_have_their_colours_on_their_sides() -> None:
    shown = np.asarray(drawn(shapes_picture(), cache_folder=Path())).astype(int)

    assert np.abs(shown[56, 30] - COLOURS["red"]).max() <= 12
    assert np.abs(shown[56, 82] - COLOURS["blue"]).max() <= 12


def test_a_digit_is_the_one_of_its_index_within_its_margin(packages: Path) -> None:
    shown = pixels(digit_picture(), packages)

    # The cache's second seven is all ink: white where the digit is, black around.
    assert (shown[8:-8, 8:-8] == 255).all()
    assert (shown[:8] == 0).all()


@pytest.mark.parametrize("damage", ["blurred", "dark"])
def test_a_spoiled_picture_has_no_edges(packages: Path, damage: str) -> None:
    def edges(picture: Picture) -> int:
        return int((np.abs(np.diff(pixels(picture, packages), axis=1)) > 20).sum())

    assert edges(emoji_picture()) > 50
    assert edges(spoiled_picture(damage)) == 0


def test_of_a_cropped_drawing_an_eighth_is_left_at_the_edge(packages: Path) -> None:
    columns = np.flatnonzero((pixels(spoiled_picture("cropped"), packages)[:, :, 2] < 60).any(axis=0))

    assert columns[0] == 0
    assert 0.07 <= len(columns) / (0.9 * PIXELS) <= 0.16


def test_a_word_is_written_in_its_ink(packages: Path) -> None:
    pytest.importorskip("skimage", reason="the textures are scikit-image's")
    if not (FOLDER / "dejavu" / "DejaVuSans-Bold.ttf").exists():
        pytest.skip("the font is not on this machine")
    white = (pixels(word_picture(), packages) == 255).all(axis=2)

    columns = np.flatnonzero(white.any(axis=0))
    assert 0.6 * PIXELS < columns[-1] - columns[0] < PIXELS


def test_a_charts_bars_have_their_colours_and_heights() -> None:
    pytest.importorskip("matplotlib")
    shown = np.asarray(drawn(chart_picture(), cache_folder=Path())).astype(int)

    def height(colour: str) -> int:
        return int((np.abs(shown - COLOURS[colour]).max(axis=2) < 30).any(axis=1).sum())

    heights = [height(colour) for colour in ("red", "green", "blue")]
    assert heights[1] == pytest.approx(4 * heights[0], rel=0.15)
    assert heights[2] == pytest.approx(2 * heights[0], rel=0.15)


def test_equal_pixels_in_two_splits_are_noticed(tmp_path: Path) -> None:
    def picture(name: str, split: str, shade: int) -> Picture:
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(tmp_path / name, format="webp", lossless=True)
        return Picture(name, "emoji", split, "google", "x", 0)  # type: ignore[arg-type]

    pictures = [
        picture("a.webp", "train", 1),
        picture("b.webp", "train", 1),
        picture("c.webp", "reporting", 1),
        picture("d.webp", "reporting", 2),
    ]

    assert shared_pixels(pictures, tmp_path) == [("a.webp", "c.webp")]
