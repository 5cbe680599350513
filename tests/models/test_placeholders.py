"""Where tokens and image vectors stand, by hand."""

import pytest
import torch

from adamms.models.mplug_owl2.placeholders import lay_out, shown_images, spread_mask

HOLE = -200


def test_a_placeholder_grows_in_its_place() -> None:
    ids = torch.tensor([[1, HOLE, 7]])
    layout = lay_out(ids, placeholder=HOLE, length=3)
    assert layout is not None
    assert layout.spread(ids, filler=0).tolist() == [[1, HOLE, HOLE, HOLE, 7]]
    assert layout.image.int().tolist() == [[0, 1, 1, 1, 0]]
    assert not layout.filler.any()


def test_rows_end_together_and_carry_their_masks_along() -> None:
    """The original extends the mask on the left, and hides the second row's first tokens."""
    ids = torch.tensor([[1, HOLE, HOLE, 7], [0, 1, HOLE, 8]])
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]])
    layout = lay_out(ids, placeholder=HOLE, length=2)
    assert layout is not None
    assert layout.spread(ids, filler=-1).tolist() == [[1, *[HOLE] * 4, 7], [-1, 0, 1, HOLE, HOLE, 8]]
    assert spread_mask(layout, mask, input_ids=ids).tolist() == [[1] * 6, [0, 0, 1, 1, 1, 1]]
    assert spread_mask(layout, None, input_ids=ids).tolist() == [[1] * 6, [0, 1, 1, 1, 1, 1]]


def test_a_mask_keeps_what_it_says_of_the_cache() -> None:
    ids = torch.tensor([[HOLE, 7]])
    layout = lay_out(ids, placeholder=HOLE, length=2)
    assert layout is not None
    mask = torch.tensor([[0, 1, 1, 1]])
    assert spread_mask(layout, mask, input_ids=ids, cached=2).tolist() == [[0, 1, 1, 1, 1]]
    assert spread_mask(layout, None, input_ids=ids, cached=2).tolist() == [[1, 1, 1, 1, 1]]


def test_text_alone_needs_no_layout() -> None:
    assert lay_out(torch.tensor([[1, 2]]), placeholder=HOLE, length=3) is None


def test_images_are_consumed_one_a_placeholder_or_as_the_original_does() -> None:
    ids = torch.tensor([[1, HOLE, HOLE], [1, 2, 3], [1, 2, HOLE]])
    assert shown_images(ids, placeholder=HOLE, count=3) == [0, 1, 2]
    assert shown_images(ids, placeholder=HOLE, count=4) == [0, 1, 3]
    with pytest.raises(ValueError, match=r"hold 3 image placeholder\(s\), but 2 image\(s\)"):
        shown_images(ids, placeholder=HOLE, count=2)
