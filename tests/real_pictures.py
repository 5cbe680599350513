"""Planned pictures of the real pair, as the tests want them."""

from proving_ground.real_pair.pictures.picture import Picture, Split

SNAKE, MONKEY = "1f40d", "1f412"


def emoji_picture(*, split: Split = "train", **changed: object) -> Picture:
    """A snake by Google on the left, small, on blue."""
    facts = {
        "name": "snake",
        "category": "animal",
        "place": "left",
        "size": 0.5,
        "angle": 0.0,
        "background": "blue",
        "texture": "",
        "rim": 0,
        **changed,
    }
    return Picture("emoji-google-1f40d-t0.webp", "emoji", split, "google", SNAKE, 1, facts)


def flag_picture(*, split: Split = "train") -> Picture:
    """A flag of Brazil."""
    facts = {**emoji_picture().facts, "name": "Brazil", "category": "flag"}
    return Picture("flag-google-br-t0.webp", "flag", split, "google", "br", 1, facts)


def pair_picture() -> Picture:
    """A large snake above a small monkey, on green."""
    facts = {
        "names": ["snake", "monkey"],
        "codes": [SNAKE, MONKEY],
        "category": "pair",
        "arranged": "vertical",
        "sizes": [0.5, 0.3],
        "rim": 0,
        "background": "green",
    }
    return Picture("pair-google-t0000.webp", "pair", "train", "google", f"{SNAKE}+{MONKEY}", 1, facts)


def shapes_picture() -> Picture:
    """A small red circle to the left of a large blue square."""
    facts = {
        "things": [["red", "circle", 0.12], ["blue", "square", 0.22]],
        "category": "shapes",
        "arranged": "horizontal",
    }
    return Picture("shapes-drawn-t0000.webp", "shapes", "train", "drawn", "shapes0", 0, facts)


def chart_picture() -> Picture:
    """Three bars: red is the lowest, green the highest, blue between."""
    facts = {
        "bars": [["red", 2], ["green", 8], ["blue", 4]],
        "category": "chart",
        "grid": True,
        "width": 0.8,
    }
    return Picture("chart-matplotlib-t0000.webp", "chart", "train", "matplotlib", "chart0", 0, facts)


def digit_picture() -> Picture:
    """A handwritten seven, white on black: the second of the cache's two."""
    facts = {"name": "7", "category": "digit", "dark": True, "index": 1}
    return Picture("digit-mnist-7-1.webp", "digit", "train", "mnist", "7", 2, facts)


def word_picture() -> Picture:
    """The word tea."""
    facts = {
        "name": "tea",
        "category": "word",
        "font": "dejavu/DejaVuSans-Bold.ttf",
        "ink": "white",
        "texture": "brick.png",
        "width": 0.8,
    }
    return Picture("word-tea-t0.webp", "word", "train", "fonts", "tea", 1, facts)


def spoiled_picture(damage: str) -> Picture:
    """A snake of which nothing is to be seen."""
    facts = {**emoji_picture().facts, "damage": damage}
    return Picture(f"spoiled-{damage}.webp", "spoiled", "train", "google", SNAKE, 1, facts)
