"""Records from data sets: of a hub by name, or in a folder that `datasets` saved.

`datasets` comes with `adamms[datasets]`; a data set that would run code of its own is refused by it.
"""

from collections.abc import Iterator
from typing import Any

from adamms.errors import MissingPackageError, SearchError, require_packages
from adamms.responses.inputs.problems import ProblemError, Tally
from adamms.responses.inputs.records import Record, Records
from adamms.responses.inputs.source import InputSource

PATIENCE = 10.0
"""Seconds for a hub to say that it has a data set."""
BENCHMARKS = ("lmms-lab", "lmms-lab-encoder")
"""Who keeps the data of lmms-eval's tasks."""
PREFERRED = ("validation", "val", "dev", "test", "train")


def read_hub(source: InputSource, tally: Tally) -> Records:
    """The rows of a data set by its name, `OWNER/NAME[@REVISION][:CONFIG]`.

    Raises:
        SearchError: it is a benchmark with prompts of its own, or cannot be had.
    """
    name, _, config = str(source.source).partition(":")
    name, _, revision = name.partition("@")
    if name.split("/")[0].lower() in BENCHMARKS and "prompt" not in source.columns:
        task = name.split("/")[1].lower()
        raise SearchError(
            f"{name} is a benchmark that lmms-eval asks in words of its own: draw inputs from it with "
            f"--task {task} (all names: python -m lmms_eval --tasks list). To ask its rows as they stand, "
            "name the columns: --column prompt=question."
        )
    try:
        require_packages("datasets")
    except MissingPackageError as error:
        raise SearchError(
            f"There is no file or folder {source.name}. As the name of a data set: {error}"
        ) from None
    import datasets
    from huggingface_hub import HfApi

    options: dict[str, Any] = {"revision": revision or None}
    try:
        # Asked first, as a slip in a path is likelier than a data set, and `datasets` tries again for long.
        HfApi().dataset_info(name, revision=revision or None, timeout=PATIENCE)
        splits = datasets.get_dataset_split_names(name, config or None, **options)
        split = _split(splits, source, tally)
        data = datasets.load_dataset(name, config or None, split=split, **options)
    except SearchError:
        raise
    except Exception as error:  # the hub's, the network's, and those of files that are somebody else's
        raise SearchError(
            f"There is no file or folder {source.name}, and the data set of that name cannot be had from the "
            f"hub: {_first(error)}."
        ) from None
    return _records(f"data set of the hub, split {split}", data, source)


def read_saved(source: InputSource, tally: Tally) -> Records:
    """The rows of a data set that `save_to_disk` wrote.

    Raises:
        SearchError: it cannot be read.
    """
    require_packages("datasets")
    import datasets

    try:
        data = datasets.load_from_disk(str(source.path))
    except Exception as error:  # as above
        raise SearchError(f"The data set in {source.path} cannot be read: {_first(error)}.") from None
    if isinstance(data, datasets.DatasetDict):
        split = _split(list(data), source, tally)
        return _records(f"data set on disk, split {split}", data[split], source)
    return _records("data set on disk", data, source)


def _split(splits: list[str], source: InputSource, tally: Tally) -> str:
    if source.split is not None:
        if source.split not in splits:
            raise SearchError(f"{source.name} has no split {source.split!r}; it has: {', '.join(splits)}.")
        return source.split
    chosen = next((name for name in PREFERRED if name in splits), splits[0])
    if len(splits) > 1:
        tally.remark(f"Of the splits {', '.join(splits)} the {chosen} split is read; --split names another.")
    return chosen


def _records(kind: str, data: Any, source: InputSource) -> Records:
    return Records(kind, _rows(data), source.path, at_hand=False)


def _rows(data: Any) -> Iterator[Record | tuple[str, ProblemError]]:
    import datasets

    from adamms.responses.inputs.media import Embedded

    heavy = []
    for name, feature in data.features.items():
        inner = getattr(feature, "feature", None)
        if isinstance(feature, datasets.Image | datasets.Audio):
            data = data.cast_column(name, type(feature)(decode=False))
            heavy.append(name)
        elif isinstance(inner, datasets.Image | datasets.Audio):
            data = data.cast_column(name, type(feature)(type(inner)(decode=False)))
            heavy.append(name)
    light = data.remove_columns(heavy)

    def lazily(name: str, at: int) -> Any:
        def embedded(content: Any, inner: int | None) -> Any:
            if content is None or not content.get("bytes"):
                return content and content.get("path")

            def read() -> bytes:
                value = data[at][name]
                return bytes((value if inner is None else value[inner])["bytes"])

            return Embedded(read)

        value = data[at][name]
        if isinstance(value, list):
            return [embedded(content, inner) for inner, content in enumerate(value)]
        return embedded(value, None)

    for at in range(len(data)):
        pictures = {name: lazily(name, at) for name in heavy}
        yield Record(f"row {at + 1}", at + 1, {**light[at], **pictures})


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
