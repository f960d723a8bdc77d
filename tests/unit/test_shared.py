"""What the tests share."""

from pathlib import Path

import pytest
from shared import made_once


def test_a_folder_that_could_not_be_made_is_made_by_the_next(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is missing on a machine skips every test that needs it, and not the first alone."""

    def missing(folder: Path) -> None:
        (folder / "begun").touch()
        pytest.skip("not installed")

    def make(folder: Path) -> None:
        (folder / "made").touch()

    for _ in range(2):
        with pytest.raises(pytest.skip.Exception):
            made_once(tmp_path_factory, "test-shared", missing)
    folder = made_once(tmp_path_factory, "test-shared", make)
    assert [path.name for path in folder.iterdir()] == ["made"]
