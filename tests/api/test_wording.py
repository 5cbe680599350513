"""Messages of the command line in Python's words."""

import pytest

from adamms.api.wording import in_python, speaks_python
from adamms.errors import SearchError


@pytest.mark.parametrize(
    ("said", "python"),
    [
        ("out is taken; give --overwrite to replace it.", "out is taken; give overwrite=True to replace it."),
        ("To merge them all the same: --force (force: true).", "To merge them all the same: force=True."),
        ("use a smaller --max-new-tokens.", "use a smaller max_new_tokens."),
        ("trained from (--pretrained MODEL)", "trained from (pretrained)"),
        ("search.rule: There is no rule 'x'.", "rule: There is no rule 'x'."),
        ("search.dtype: not that.\nmerge.dtype: nor that.", "compute_dtype: not that.\ndtype: nor that."),
        ("say merge.alpha, the donor's weight", "say alpha, the donor's weight"),
        ("or `adamms select --labels`.", "or `adamms.select(..., labels=True)`."),
        ("as adamms map --save writes it", "as `adamms.map_parameters(...)` writes it"),
        ("`adamms map --json` has them", "`adamms.map_parameters(...)` has them"),
        ("first: adamms merge a a --alpha 0 --out DIR.", "first: adamms merge a a --alpha 0 --out DIR."),
        ("`lmms-eval --tasks list` has them; --task x", "`lmms-eval --tasks list` has them; tasks x"),
        ("out/my--model is missing; see a/search.py", "out/my--model is missing; see a/search.py"),
    ],
)
def test_a_message_names_parameters(said: str, python: str) -> None:
    assert in_python(said) == python


def test_an_error_keeps_its_kind_and_its_place() -> None:
    @speaks_python
    def asks(question: str) -> str:
        """Ask."""
        raise SearchError(f"{question} needs --resume.")

    with pytest.raises(SearchError, match=r"^it needs resume=True\.$") as caught:
        asks("it")
    assert caught.traceback[-1].name == "asks"
    assert asks.__doc__ == "Ask."
