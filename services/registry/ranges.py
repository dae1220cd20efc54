"""What a fitted estimator knows about its inputs: values that it learned, per column, to draw a sample around."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from services.core.tensors import Array

# Fitted attributes with one column per feature: training rows, centres, and the statistics of scalers.
_ROWS = ("_fit_X", "X_train_", "support_vectors_", "cluster_centers_", "theta_", "means_", "centroids_", "mean_",
         "data_min_", "data_max_", "center_", "statistics_", "location_", "quantiles_")  # fmt: skip
_MAX_VALUES = 4000

Found = dict[Any, list[Any]]


def learned(estimator: Any, columns: list[Any]) -> Found:
    """Return the values that an estimator learned for each of its input columns: numbers and categories.

    columns: the names or positions of the columns that the estimator takes, in order.
    """
    found: Found = {column: [] for column in columns}
    for column, values in _walk(estimator, columns):
        if column in found:
            found[column].extend(values.tolist()[:_MAX_VALUES])
    return found


def _walk(estimator: Any, columns: list[Any]) -> Iterator[tuple[Any, Array]]:
    if hasattr(estimator, "steps"):
        first = next((step for _, step in estimator.steps if step not in (None, "passthrough")), None)
        yield from _walk(first, columns)
    elif hasattr(estimator, "transformers_"):
        for _, part, chosen in estimator.transformers_:
            if not isinstance(part, str):
                yield from _walk(part, _chosen(chosen, columns))
    else:
        yield from _attributes(estimator, columns)
        yield from _thresholds(estimator, columns)
        for part in _parts(estimator):
            if getattr(part, "n_features_in_", None) == len(columns):
                yield from _walk(part, columns)


def _attributes(estimator: Any, columns: list[Any]) -> Iterator[tuple[Any, Array]]:
    for name in _ROWS:
        values = getattr(estimator, name, None)
        if isinstance(values, np.ndarray) and values.ndim and values.shape[-1] == len(columns):
            yield from zip(columns, values.reshape(-1, len(columns)).T, strict=True)
    categories = getattr(estimator, "categories_", None)
    if isinstance(categories, list) and len(categories) == len(columns):
        yield from zip(columns, categories, strict=True)


def _thresholds(estimator: Any, columns: list[Any]) -> Iterator[tuple[Any, Array]]:
    """Yield the values at which the trees split, and their neighbours in both precisions."""
    for features, thresholds in _splits(estimator):
        for index in np.unique(features):
            at = np.unique(thresholds[(features == index) & np.isfinite(thresholds)])[:500]
            single = at.astype(np.float32)
            beside = [np.nextafter(at, np.inf), np.nextafter(at, -np.inf)]
            beside += [np.nextafter(single, np.float32(side)).astype(np.float64) for side in (np.inf, -np.inf)]
            yield columns[index], np.concatenate([at, single.astype(np.float64), *beside])


def _splits(estimator: Any) -> Iterator[tuple[Array, Array]]:
    tree = getattr(estimator, "tree_", None)
    if tree is not None and hasattr(tree, "threshold"):
        inner = tree.children_left >= 0
        yield tree.feature[inner], tree.threshold[inner]
    for predictors in getattr(estimator, "_predictors", None) or ():
        for predictor in predictors:
            nodes = predictor.nodes[(predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] == 0)]
            yield nodes["feature_idx"], nodes["num_threshold"]


def _parts(estimator: Any) -> list[Any]:
    """Return fitted estimators inside an ensemble or a meta-estimator, at most a few of them."""
    parts = [getattr(estimator, name, None) for name in ("estimator_", "best_estimator_", "base_estimator_")]
    several = getattr(estimator, "estimators_", None)
    if several is not None:
        parts.extend(np.asarray(several, dtype=object).ravel()[:20])
    return [part for part in parts if part is not None and not isinstance(part, str)]


def _chosen(chosen: Any, columns: list[Any]) -> list[Any]:
    """Return the columns that a ColumnTransformer's selection stands for."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, slice):
        return columns[chosen]
    selection = np.atleast_1d(np.asarray(chosen))
    if selection.dtype.kind == "b":
        return [column for column, wanted in zip(columns, selection, strict=True) if wanted]
    return [column if isinstance(column, str) else columns[column] for column in selection.tolist()]
