"""`publish --allow-pickle`: a child process reads the pickle, which takes seconds to start."""

import pickle
from pathlib import Path

import pytest
from sklearn.cluster import Birch
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from services.core.errors import TrivetError
from services.registry.publish import Order, Published, publish
from services.runtimes import sklearn

X, Y = load_iris(return_X_y=True)


def quiet(line: str) -> None:
    pass


def published(uri: Path, tmp_path: Path, **options: object) -> Published:
    order = Order(str(uri), output=tmp_path / "out", **options)  # type: ignore[arg-type]
    return publish(order, sklearn, (), tmp_path, quiet)


def test_pickle_is_read_in_a_child_process_with_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(GaussianNB().fit(X, Y)))

    assert published(path, tmp_path, allow_pickle=True).runtime == "onnx"


def test_pickle_that_is_no_estimator_is_said(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))

    with pytest.raises(TrivetError, match="dict has no predict"):
        published(path, tmp_path, allow_pickle=True)


def test_what_neither_converts_nor_is_stored_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Birch(n_clusters=2).fit(X)))

    with pytest.raises(TrivetError, match="Birch"):
        published(path, tmp_path, allow_pickle=True)
