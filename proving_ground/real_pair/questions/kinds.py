"""What kind of thing a picture shows: an animal, food, a vehicle, a flag, a chart .."""

from proving_ground.real_pair.pictures.concepts import thing
from proving_ground.real_pair.pictures.picture import Picture

ASKED_KINDS = ("animal", "food", "vehicle", "clothing", "plant", "instrument", "building", "flag", "chart")


def kind_of(picture: Picture) -> str | None:
    """Name the kind; None where it is none of those that are asked for."""
    if picture.kind == "emoji":
        category = picture.facts["category"]
        if category == "object":
            category = thing(picture.concept).facts["group"][0]
        return category if category in ASKED_KINDS else None
    if picture.kind == "other":
        return str(picture.facts["category"])
    return picture.kind if picture.kind in ("flag", "chart") else None
