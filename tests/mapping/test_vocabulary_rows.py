"""Rows of embedding and head: by token where both models carry a tokenizer, by position where not."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import layouts
from adamms.mapping import MappedDonor, map_parameters
from adamms.mapping.vocabulary_rows import RowSpan, align_tokens, clip

EMBED = "model.embed_tokens.weight"


@st.composite
def vocabularies(draw: st.DrawFn) -> dict[str, int]:
    tokens = draw(st.lists(st.sampled_from([f"t{n}" for n in range(40)]), unique=True, min_size=1))
    rows = draw(st.permutations(range(len(tokens) + 5)))
    return dict(zip(tokens, rows, strict=False))


@settings(deadline=None)  # the machine is shared
@given(vocabularies(), vocabularies())
def test_each_common_token_is_paired_once_and_with_itself(
    base: dict[str, int], donor: dict[str, int]
) -> None:
    runs = align_tokens(base, donor)
    token_of, donor_token_of = ({row: token for token, row in side.items()} for side in (base, donor))
    pairs = [(run.base + n, run.donor + n) for run in runs for n in range(run.count)]
    assert [token_of[row] for row, _ in pairs] == [donor_token_of[row] for _, row in pairs]
    assert sorted(token_of[row] for row, _ in pairs) == sorted(token for token in base if token in donor)
    assert pairs == sorted(pairs)
    # As few runs as possible.
    for before, after in pairwise(runs):
        assert (before.base + before.count, before.donor + before.count) != (after.base, after.donor)


@settings(deadline=None)
@given(vocabularies(), vocabularies(), st.integers(1, 45), st.integers(1, 45))
def test_rows_past_either_table_are_left_out(
    base: dict[str, int], donor: dict[str, int], base_rows: int, donor_rows: int
) -> None:
    runs = clip(align_tokens(base, donor), base_rows=base_rows, donor_rows=donor_rows)
    found = {(run.base + n, run.donor + n) for run in runs for n in range(run.count)}
    assert found == {
        (row, donor[token])
        for token, row in base.items()
        if token in donor and row < base_rows and donor[token] < donor_rows
    }


def test_two_strings_for_one_row_map_it_once() -> None:
    assert align_tokens({"a": 0, "A": 0, "b": 1}, {"a": 3, "A": 5, "b": 4}) == (RowSpan(0, 3, 2),)


def numbered(count: int, **others: int) -> dict[str, int]:
    return {**{f"w{row}": row for row in range(count)}, **others}


def segments(mapping, name: str) -> list[dict]:
    return mapping.to_json()["tensors"][name]["segments"]


def test_tokens_by_string(build) -> None:
    # Both know w0-w11; each has a special token of its own in row 12, and a common one in different rows.
    base = build("base", layouts.tiny_decoder(), tokens=numbered(12, **{"<image>": 12, "<|end|>": 13}))
    donor = build(
        "donor", layouts.tiny_decoder(rows=24), tokens=numbered(12, **{"<video>": 12, "<|end|>": 17})
    )
    mapping = map_parameters(base, donor)
    for name in (EMBED, "lm_head.weight"):
        assert mapping.tensors[name].status == "partly"
        assert segments(mapping, name) == [
            {"donor": name, "donor_rows": [0, 12], "base_rows": [0, 12]},
            {"donor": name, "donor_rows": [17, 18], "base_rows": [13, 14]},
        ]
        assert (
            "the 13 tokens that both tokenizers hold; 7 rows stay the base's" in mapping.tensors[name].reason
        )
    assert mapping.notes == ()


def test_permuted_ids_pair_the_same_strings(build) -> None:
    words = [f"w{row}" for row in range(20)]
    shuffled = random.Random(3).sample(words, k=20)
    base = build("base", layouts.tiny_decoder(), tokens={word: row for row, word in enumerate(words)})
    donor = build("donor", layouts.tiny_decoder(), tokens={word: row for row, word in enumerate(shuffled)})
    mapping = map_parameters(base, donor)
    # Every row has a partner, so the table is merged whole, though in pieces.
    assert mapping.tensors[EMBED].status == "merged"
    for piece in MappedDonor(mapping, base, donor).pieces(EMBED):
        for row, donor_row in zip(range(*piece.base_rows), range(*piece.donor_rows), strict=True):
            assert words[row] == shuffled[donor_row]


def test_the_same_tokenizer_maps_the_whole_table(build) -> None:
    base, donor = (build(name, layouts.tiny_decoder(), tokens=numbered(20)) for name in ("base", "donor"))
    mapping = map_parameters(base, donor)
    assert mapping.totals.kept == mapping.totals.partly == 0
    assert segments(mapping, EMBED) == [{"donor": EMBED}]


def test_hardly_any_common_token_is_a_warning(build) -> None:
    base = build("base", layouts.tiny_decoder(), tokens=numbered(20))
    donor = build(
        "donor", layouts.tiny_decoder(), tokens={f"{'w' if row < 3 else 'v'}{row}": row for row in range(20)}
    )
    (note,) = map_parameters(base, donor).notes
    assert "Only 3 tokens are in both tokenizers" in note


def test_one_tokenizer_is_as_good_as_none_and_says_so(build) -> None:
    base = build("base", layouts.tiny_decoder(), tokens=numbered(20))
    (note,) = map_parameters(base, build("donor", layouts.tiny_decoder())).notes
    assert note.startswith("No tokenizer was found in the donor: embedding and head are paired by row")


def test_unknown_vocabularies_of_different_size_are_kept_with_a_warning(build) -> None:
    mapping = map_parameters(
        build("base", layouts.tiny_decoder()), build("donor", layouts.tiny_decoder(rows=21))
    )
    assert mapping.tensors[EMBED].status == mapping.tensors["lm_head.weight"].status == "kept"
    assert mapping.tensors[EMBED].reason == "language model, embed: vocabularies not known to agree"
    (note,) = mapping.notes
    assert "not known to agree (base 20 rows, donor 21)" in note
    assert "--vocabulary rows" in note


@pytest.mark.parametrize(
    ("base_rows", "donor_rows", "known"),
    [
        (152_064, 151_666, True),
        (151_646, 152_128, True),
        (32_000, 32_064, True),
        (262_144, 262_208, True),
        (152_064, 151_000, False),
        (32_000, 64_000, False),
        (49_280, 32_000, False),
    ],
)
def test_known_tokenizer_families(build, base_rows: int, donor_rows: int, known: bool) -> None:
    base = build("base", layouts.tiny_decoder(rows=base_rows))
    mapping = map_parameters(base, build("donor", layouts.tiny_decoder(rows=donor_rows)))
    shared = min(base_rows, donor_rows)
    expected = {"donor": EMBED}
    if shared < donor_rows:
        expected["donor_rows"] = [0, shared]
    if shared < base_rows:
        expected["base_rows"] = [0, shared]
    assert segments(mapping, EMBED) == ([expected] if known else [])


def test_rows_and_keep_on_request(build) -> None:
    base = build("base", layouts.tiny_decoder(), tokens=numbered(20))
    donor = build("donor", layouts.tiny_decoder(rows=15), tokens=numbered(15))
    leading = map_parameters(base, donor, vocabulary="rows")
    assert segments(leading, EMBED) == [{"donor": EMBED, "base_rows": [0, 15]}]
    kept = map_parameters(base, donor, vocabulary="keep")
    assert kept.tensors[EMBED].status == kept.tensors["lm_head.weight"].status == "kept"
    assert kept.totals.merged == 2 * 9 + 1


def test_a_tied_donor_gives_its_embedding_to_the_head(build) -> None:
    base, donor = build("base", layouts.tiny_decoder()), build("donor", layouts.tiny_decoder(head=None))
    mapping = map_parameters(base, donor)
    assert segments(mapping, "lm_head.weight") == [{"donor": EMBED}]
    assert any("The donor's head is tied" in note for note in mapping.notes)


def test_a_tied_base_leaves_the_donors_head_unused(build) -> None:
    base, donor = build("base", layouts.tiny_decoder(head=None)), build("donor", layouts.tiny_decoder())
    mapping = map_parameters(base, donor)
    assert mapping.totals.donor_tensors_unused == 1
    assert any("the donor's own head is unused" in note for note in mapping.notes)


def test_a_stored_copy_of_a_tied_embedding_stays_a_copy(build) -> None:
    base = build("base", layouts.tiny_decoder(), config={"text_config": {"tie_word_embeddings": True}})
    mapping = map_parameters(base, build("donor", layouts.tiny_decoder()))
    assert segments(mapping, "lm_head.weight") == segments(mapping, EMBED) == [{"donor": EMBED}]
