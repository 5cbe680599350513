"""easy-vqa's pictures and questions: one coloured shape on a pale background, 64 x 64 pixels."""

from functools import cache
from pathlib import Path

from PIL import Image

from proving_ground.real_pair.pictures.picture import PIXELS


@cache
def easy_questions(train: bool) -> dict[int, list[tuple[str, str]]]:
    """Return the questions and answers about every picture, by its number."""
    import easy_vqa

    questions, answers, numbers = easy_vqa.get_train_questions() if train else easy_vqa.get_test_questions()
    asked: dict[int, list[tuple[str, str]]] = {}
    for question, answer, number in zip(questions, answers, numbers, strict=True):
        asked.setdefault(number, []).append((question[0].upper() + question[1:], answer))
    return asked


def easy_picture(number: int, *, train: bool) -> Image.Image:
    """Draw one of them, enlarged."""
    import easy_vqa

    paths = easy_vqa.get_train_image_paths() if train else easy_vqa.get_test_image_paths()
    with Image.open(Path(paths[number])) as picture:
        return picture.convert("RGB").resize((PIXELS, PIXELS), Image.Resampling.BICUBIC)
