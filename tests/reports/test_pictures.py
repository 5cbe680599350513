"""Images in the page: small, upright, on white, within a budget; and what is said where there is none."""

import base64
import io
from pathlib import Path

from PIL import Image

from adamms.reports.pictures import Picture, pictures


def noise(path: Path, size: tuple[int, int]) -> Path:
    """Noise compresses worst."""
    Image.merge("RGB", [Image.effect_noise(size, 120) for _ in range(3)]).save(path)
    return path


def decoded(uri: str | None) -> Image.Image:
    assert uri is not None
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def one(path: Path) -> Picture:
    return pictures([path])[path]


def test_a_photograph_becomes_a_thumbnail_and_a_medium_size(tmp_path: Path) -> None:
    picture = one(noise(tmp_path / "photo.jpg", (1600, 1200)))

    assert decoded(picture.thumbnail).size == (96, 72)
    assert decoded(picture.medium).size == (512, 384)
    assert decoded(picture.medium).format == "JPEG"
    assert picture.about == "1600 × 1200 pixels; shown at 512 × 384"


def test_a_small_image_keeps_every_pixel(tmp_path: Path) -> None:
    path = noise(tmp_path / "digit.png", (28, 28))

    picture = one(path)

    assert decoded(picture.medium).convert("RGB").tobytes() == Image.open(path).tobytes()
    assert picture.about == "28 × 28 pixels"


def test_all_images_together_stay_within_the_budget(tmp_path: Path) -> None:
    paths = [noise(tmp_path / f"{index}.png", (700, 500)) for index in range(6)]

    for budget in (600_000, 200_000, 100_000):
        found = pictures([*paths, *paths], budget=budget)
        assert list(found) == paths
        total = sum(len(each.thumbnail or "") + len(each.medium or "") for each in found.values())
        assert 0 < total <= budget
    assert "only a thumbnail fits" in pictures(paths, budget=6_000)[paths[0]].about


def test_transparency_is_white_and_a_turned_photograph_upright(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 20), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200)).save(tmp_path / "turned.jpg", exif=exif)

    assert decoded(one(tmp_path / "clear.png").medium).convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    turned = one(tmp_path / "turned.jpg")
    assert decoded(turned.medium).size == (200, 300)
    assert turned.about == "200 × 300 pixels"


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    broken, folder = tmp_path / "broken.png", tmp_path / "folder.png"
    broken.write_text("<svg onload=alert(1)>")
    folder.mkdir()

    found = pictures([broken, folder, tmp_path / "gone.png"])

    assert (
        [each.medium for each in found.values()] == [each.thumbnail for each in found.values()] == [None] * 3
    )
    assert found[broken].about == "the file is not an image that can be read"
    assert found[tmp_path / "gone.png"].about == found[folder].about == "the image file is not there any more"
