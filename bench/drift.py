"""How often `trivet drift` errs, and what it finds: `python -m bench.drift` prints the tables of docs/drift.md.

Each data set of scikit-learn is cut in three. A forest is fitted to the first part. The others are shuffled and halved
again and again into a reference (held out: the forest has not seen it) and a window, so that nothing but chance can
differ; then one column of the window is shifted.
"""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from services.core import columns, reference
from services.core.columns import Column
from services.core.signature import Signature, TensorSpec
from services.core.tensors import Array, Tensors
from services.prediction_log.drift.judge import Finding, Limits, Pairs, is_drift, judge
from services.prediction_log.drift.tally import tally_for

SEED = 11
TREES = 50
RESAMPLES = 500
SHIFTS = (0.25, 0.5, 1.0)
NOMINAL = (0.01, 0.05)
SETS = ("wine", "breast_cancer", "diabetes", "digits")
# Whole numbers, of which every shift by a fraction is seen.
NOT_SHIFTED = ("digits",)


class Part(NamedTuple):
    """Rows with a model's answers to them."""

    features: Tensors
    scores: Tensors

    def take(self, rows: Array) -> "Part":
        """Return some of the rows."""
        return Part(*({name: array[rows] for name, array in tensors.items()} for tensors in self))


class Case(NamedTuple):
    """A data set: its columns, the rows that the model was fitted to, and the others."""

    name: str
    features: tuple[Column, ...]
    scores: tuple[Column, ...]
    fitted: Part
    others: Part


def case(name: str) -> Case:
    """Load a data set and fit its model."""
    data = getattr(datasets, f"load_{name}")()
    rows, target = np.asarray(data.data, dtype=np.float64), data.target
    order = np.random.default_rng(SEED).permutation(len(rows))
    fitted, others = np.split(order, [len(order) // 3])
    kind = RandomForestRegressor if name == "diabetes" else RandomForestClassifier
    model: Any = kind(TREES, random_state=SEED).fit(rows[fitted], target[fitted])
    outputs = {"prediction": model.predict(rows)}
    specs = [TensorSpec("prediction", "FP64", (-1,))]
    if hasattr(model, "predict_proba"):
        classes = tuple(model.classes_.tolist())
        outputs["probability"] = model.predict_proba(rows)
        specs = [
            TensorSpec("prediction", "INT64", (-1,), classes=classes),
            TensorSpec("probability", "FP64", (-1, len(classes)), classes=classes),
        ]
    signature = Signature((TensorSpec("features", "FP64", (-1, rows.shape[1])),), tuple(specs))
    whole = Part({"features": rows}, outputs)
    return Case(name, columns.features(signature), columns.scores(signature), whole.take(fitted), whole.take(others))


def look(found: Case, before: Part, held_out: Part, window: Part, limits: Limits) -> list[Finding]:
    """Judge a window as `trivet drift` does."""
    features = _pairs(found.features, before.features, window.features)
    return judge(features, _pairs(found.scores, held_out.scores, window.scores), limits)


def halves(found: Case, resamples: int) -> Iterator[tuple[Part, Part]]:
    """Yield reference and window, of the same rows shuffled anew each time."""
    random = np.random.default_rng(SEED)
    count = len(found.others.features["features"])
    for _ in range(resamples):
        order = random.permutation(count)
        yield found.others.take(order[: count // 2]), found.others.take(order[count // 2 :])


def false_alarms(found: Case, limits: tuple[Limits, ...], resamples: int) -> list[float]:
    """Return for each limits the share of windows without drift in which any column is called drifted."""
    alarms = np.zeros(len(limits))
    for part, window in halves(found, resamples):
        findings = look(found, part, part, window, Limits())
        alarms += [any(is_drift(finding, each) for finding in findings) for each in limits]
    return [float(count) / resamples for count in alarms]


def with_fitted_rows(found: Case, limits: Limits, resamples: int) -> float:
    """Return the same where the scores are compared with the model's answers to its own training rows."""
    looks = (look(found, part, found.fitted, window, limits) for part, window in halves(found, resamples))
    return float(np.mean([_any(findings) for findings in looks]))


def detected(found: Case, shift: float, resamples: int) -> float:
    """Return how often a column is called drifted that is shifted by so many of its standard deviations."""
    random = np.random.default_rng(SEED)
    values = found.others.features["features"]
    varied = np.flatnonzero(values.std(axis=0) > 0)
    hits = []
    for part, window in halves(found, resamples):
        column = int(random.choice(varied))
        rows = window.features["features"].copy()
        rows[:, column] += shift * values[:, column].std()
        findings = look(found, part, part, Part({"features": rows}, window.scores), Limits())
        hits.append(any(each.verdict == "drift" and each.column == f"features[{column}]" for each in findings))
    return float(np.mean(hits))


def _pairs(found: tuple[Column, ...], before: Tensors, now: Tensors) -> Pairs:
    summaries = reference.summarise(found, before)
    pairs = {}
    for column in found:
        tally = tally_for(summaries[column.name])
        tally.add(column.values(now))
        pairs[column.name] = (summaries[column.name], tally)
    return pairs


def _any(findings: list[Finding]) -> bool:
    return any(finding.verdict == "drift" for finding in findings)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    resamples = parser.parse_args().resamples
    cases = [case(name) for name in SETS]
    print(f"Measured on {datetime.now(UTC):%Y-%m-%d} with {resamples:,} shuffles of each data set, by")
    print(f"`python -m bench.drift`; scikit-learn {version('scikit-learn')}, scipy {version('scipy')}.\n")
    head = ["data set", "columns", "rows each"]
    head += [f"alpha {alpha:g}" for alpha in NOMINAL] + [f"alpha {alpha:g}, any psi" for alpha in NOMINAL]
    _row([*head, "scores against training rows"])
    _row(["---"] * (len(head) + 1))
    for found in cases:
        limits = tuple(Limits(max_psi, alpha) for max_psi in (Limits().max_psi, 0.0) for alpha in NOMINAL)
        rates = (*false_alarms(found, limits, resamples), with_fitted_rows(found, Limits(), resamples))
        _row([*_facts(found), *(f"{rate:.1%}" for rate in rates)])
    print()
    _row(["data set", "rows each", *(f"shift {shift:g}" for shift in SHIFTS)])
    _row(["---"] * (len(SHIFTS) + 2))
    for found in (each for each in cases if each.name not in NOT_SHIFTED):
        facts = _facts(found)
        _row([facts[0], facts[2], *(f"{detected(found, shift, resamples):.0%}" for shift in SHIFTS)])


def _facts(found: Case) -> list[str]:
    columns_count = len(found.features) + len(found.scores)
    return [found.name, str(columns_count), str(len(found.others.features["features"]) // 2)]


def _row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
