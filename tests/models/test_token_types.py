"""Positions and experts by hand."""

import torch

from adamms.models.cogvlm.token_types import from_zero, position_ids, vision_positions

#                      BOS  [BOI  p  p  p EOI]  t  t
IMAGE_FIRST = torch.tensor([[0, 1, 1, 1, 1, 1, 0, 0]])


def test_patches_share_a_position_and_the_end_of_an_image_is_language() -> None:
    assert position_ids(IMAGE_FIRST).tolist() == [[0, 1, 2, 2, 2, 3, 4, 5]]
    assert vision_positions(IMAGE_FIRST).int().tolist() == [[0, 1, 1, 1, 1, 0, 0, 0]]


def test_an_image_at_either_end_of_the_row() -> None:
    assert position_ids(torch.tensor([[1, 1, 1, 1, 0]])).tolist() == [[0, 1, 1, 2, 3]]
    ending = torch.tensor([[0, 0, 1, 1, 1, 1]])
    assert position_ids(ending).tolist() == [[0, 1, 2, 3, 3, 4]]
    assert vision_positions(ending).int().tolist() == [[0, 0, 1, 1, 1, 0]]


def test_text_counts_up_and_padding_does_not_count() -> None:
    text = torch.zeros(2, 5, dtype=torch.long)
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 0, 0]])
    assert position_ids(text).tolist() == [[0, 1, 2, 3, 4]] * 2
    assert position_ids(text, mask).tolist() == [[0, 0, 1, 2, 3], [0, 1, 2, 2, 2]]


def test_two_images_apart() -> None:
    types = torch.tensor([[0, 1, 1, 1, 0, 1, 1, 1, 1, 0]])
    assert position_ids(types).tolist() == [[0, 1, 2, 3, 4, 5, 6, 6, 7, 8]]


def test_rows_that_begin_at_zero_do_not_depend_on_their_padding() -> None:
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 0], [0, 1, 1, 1, 1, 0, 0, 0]])
    mask = torch.tensor([[0, 0, 1, 1, 1, 1, 1, 1], [1] * 8])
    assert position_ids(types, mask)[0].tolist() == [0, 0, 1, 2, 3, 3, 4, 5]
    rows = from_zero(position_ids(types, mask), mask)
    assert rows.tolist() == [[0, 0, 0, 1, 2, 2, 3, 4], [0, 1, 2, 2, 3, 4, 5, 6]]
