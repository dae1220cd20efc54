"""docs/models.md lists what this scikit-learn has."""

from pathlib import Path

import pytest

from bench.models.estimators import built, predicting

PAGE = Path(__file__).parents[3] / "docs" / "models.md"


def test_every_estimator_that_predicts_is_on_the_page() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")]

    assert rows[2:] == sorted(predicting())


@pytest.mark.filterwarnings("ignore:Class .* is deprecated:FutureWarning")
def test_every_estimator_can_be_built() -> None:
    for name, kind in predicting().items():
        assert type(built(name, kind)).__name__ == name
