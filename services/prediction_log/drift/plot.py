"""Pictures for the page: a column's distributions in reference and window, and what ground truth says over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from services import svg
from services.core.reference import Categories, Numbers
from services.prediction_log.drift.tally import LabelTally, NumberTally
from services.prediction_log.drift.truth import Bucket

WIDTH_INCHES, HEIGHT_INCHES = 5.0, 2.4
# More labels than this do not fit beside each other; those that differ most are drawn.
SHOWN_LABELS, LABEL_CHARACTERS = 12, 16


def numbers(summary: Numbers, tally: NumberTally) -> str:
    """Return the two distribution functions, whose largest distance is the Kolmogorov-Smirnov statistic."""
    picture = svg.figure(WIDTH_INCHES, HEIGHT_INCHES)
    axes = picture.add_subplot()
    samples = (("reference", svg.GREY, np.array((*summary.counts, 0))), ("window", svg.BLUE, tally.counts))
    for name, colour, counts in samples:
        if counts.sum():
            share = np.cumsum(counts) / counts.sum()
            axes.step(summary.edges, share[:-1], where="post", color=colour, label=name)
    axes.set_ylabel("share of rows up to")
    axes.set_ylim(-0.02, 1.02)
    return _finished(picture, axes)


def labels(summary: Categories, tally: LabelTally) -> str:
    """Return the share of each label, those that differ most."""
    before, now = summary.counts or {}, tally.counts
    rows = max(1, sum(before.values())), max(1, now.total())
    shares = {label: (before.get(label, 0) / rows[0], now.get(label, 0) / rows[1]) for label in {*before, *now}}
    apart = sorted(shares, key=lambda label: (-abs(shares[label][0] - shares[label][1]), label))[:SHOWN_LABELS]
    shown = sorted(apart)
    picture = svg.figure(WIDTH_INCHES, HEIGHT_INCHES)
    axes = picture.add_subplot()
    places = np.arange(len(shown))
    axes.bar(places - 0.2, [shares[label][0] for label in shown], 0.4, color=svg.GREY, label="reference")
    axes.bar(places + 0.2, [shares[label][1] for label in shown], 0.4, color=svg.BLUE, label="window")
    axes.set_ylabel("share of rows")
    # Labels are data: a dollar sign in one is no formula.
    axes.set_xticks(places, [_short(label) for label in shown], rotation=30, ha="right", fontsize=7, parse_math=False)
    return _finished(picture, axes)


def truth(buckets: Sequence[Bucket]) -> str:
    """Return accuracy, or the mean absolute error, over time."""
    picture = svg.figure(2 * WIDTH_INCHES, HEIGHT_INCHES)
    axes: Any = picture.add_subplot()
    is_number = any(bucket.mean_absolute_error is not None for bucket in buckets)
    values = [bucket.mean_absolute_error if is_number else bucket.accuracy for bucket in buckets]
    axes.plot([bucket.start for bucket in buckets], values, "o-", color=svg.BLUE)
    axes.set_ylabel("mean absolute error" if is_number else "accuracy")
    if not is_number:
        axes.set_ylim(-0.02, 1.02)
    axes.tick_params(axis="x", rotation=20)
    svg.tidy(axes)
    return svg.inline(picture)


def _finished(picture: Any, axes: Any) -> str:
    axes.legend(fontsize=7)
    svg.tidy(axes)
    return svg.inline(picture)


def _short(label: str) -> str:
    clean = "".join(character if character.isprintable() else "\ufffd" for character in label)
    return clean if len(clean) <= LABEL_CHARACTERS else f"{clean[: LABEL_CHARACTERS - 1]}…"
