import pytest

import tiny_models


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    for index, size in enumerate([(16, 16), (40, 20), (20, 40), (64, 16), (30, 30)]):
        tiny_models.picture(*size, seed=index).save(root / f"{index}.png")
    return sorted(root.iterdir())
