"""Every PromQL expression of the chart observability, where it stands, and what it looks at."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import promql_parser as promql
from promql_parser import AggModifierType, AggregateExpr, BinaryExpr, Expr, ParenExpr, VectorSelector

from k8s.helm import CHARTS
from tests.chart.charts import Object, objects

DASHBOARDS = sorted((CHARTS / "observability" / "dashboards").glob("*.json"))
# What a variable of a dashboard stands for, where nothing was chosen.
ANYTHING = {"__rate_interval": "1m", "namespace": ".*", "engine": ".*", "model": ".*"}
COMPARISONS = re.compile(r"==|!=|<=|>=|<|>")
SETS = {"and", "or", "unless"}


class Query(NamedTuple):
    """An expression. kind: rule, alert or panel. where: the rule's or the panel's name. legend: that of a panel."""

    kind: str
    where: str
    text: str
    legend: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.where}: {self.text}"


def rules() -> list[Object]:
    """Return the recording rules and alerts, as the cluster gets them."""
    return [rule for group in groups() for rule in group["rules"]]


def groups(values: Object | None = None) -> list[Object]:
    """Return the groups of rules and alerts, as the cluster gets them."""
    found = [each for each in objects("observability", values) if each["kind"] == "PrometheusRule"]
    return [group for each in found for group in each["spec"]["groups"]]


def dashboards() -> list[Object]:
    """Return the dashboards, as Grafana gets them."""
    return [json.loads(file.read_text()) for file in DASHBOARDS]


def queries(variables: Mapping[str, str] = ANYTHING) -> Iterator[Query]:
    """Yield every expression of every rule, alert, panel and annotation. variables: what the dashboards' stand for."""
    for rule in rules():
        yield Query("rule" if "record" in rule else "alert", rule.get("record") or rule["alert"], rule["expr"].strip())
    for dashboard in dashboards():
        for where, text, legend in _shown(dashboard):
            yield Query("panel", f"{dashboard['uid']} / {where}", filled(text, variables), legend)


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Return an expression of a dashboard with its variables filled in. Raises KeyError for one that nobody knows."""
    return re.sub(r"\$(\w+)", lambda found: variables[found[1]], text)


def selectors(text: str) -> list[VectorSelector]:
    """Return the series that an expression selects."""
    found: list[VectorSelector] = []

    def visit(part: Expr) -> None:
        if isinstance(part, VectorSelector):
            found.append(part)

    promql.walk(promql.parse(text), visit)
    return found


def kept_labels(text: str) -> set[str]:
    """Return the labels that an expression aggregates by."""
    found: set[str] = set()

    def visit(part: Expr) -> None:
        if isinstance(part, AggregateExpr) and part.modifier is not None:
            assert part.modifier.type == AggModifierType.By, "say which labels to keep, or a new one changes the sum"
            found.update(part.modifier.labels)

    promql.walk(promql.parse(text), visit)
    return found


def operands(text: str) -> list[str]:
    """Return what an expression compares and combines: parts that have data also while it has none itself.

    Sets are taken apart, and comparisons with a number are taken away.
    """
    return [str(part) for part in _taken_apart(promql.transform(promql.parse(text), post_visit=_without_comparison))]


def _shown(dashboard: Object) -> Iterator[tuple[str, str, str]]:
    """Yield where in a dashboard an expression stands, the expression as it stands there, and its legend."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"], annotation["titleFormat"]
    for variable in dashboard["templating"]["list"]:
        if values := re.fullmatch(r"label_values\((.+), (\w+)\)", variable.get("definition", "")):
            yield f"${variable['name']}", values[1], f"{{{{{values[2]}}}}}"


def _without_comparison(part: Expr) -> Expr | None:
    if isinstance(part, BinaryExpr) and COMPARISONS.fullmatch(str(part.op)) and not selectors(str(part.rhs)):
        return part.lhs
    return None


def _taken_apart(part: Expr) -> Iterator[Expr]:
    if isinstance(part, ParenExpr):
        yield from _taken_apart(part.expr)
    elif isinstance(part, BinaryExpr) and (str(part.op) in SETS or COMPARISONS.fullmatch(str(part.op))):
        yield from _taken_apart(part.lhs)
        yield from _taken_apart(part.rhs)
    else:
        yield part
