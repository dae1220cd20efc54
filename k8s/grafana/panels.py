"""Panels of a dashboard, and their JSON as Grafana 11 and newer read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Grafana's grid.
COLUMNS = 24
PANEL_ROWS = 8


@dataclass(frozen=True)
class Query:
    """A PromQL expression. legend: the name of a series, with its labels in double braces."""

    expr: str
    legend: str = ""

    def as_json(self, number: int, *, table: bool) -> Json:
        """Return it as the target of a panel: over time, or for a table as it is now."""
        target: Json = {"refId": chr(ord("A") + number), "datasource": DATASOURCE, "expr": self.expr}
        target |= {"format": "table", "instant": True} if table else {"range": True}
        return {**target, "legendFormat": self.legend or "__auto", "editorMode": "code"}


@dataclass(frozen=True)
class Panel:
    """What the panels have in common. unit: one of Grafana's names; width: of 24 columns."""

    title: str
    description: str
    queries: Sequence[Query]
    unit: str = "short"
    width: int = 8
    height: int = PANEL_ROWS

    kind = "timeseries"

    def as_json(self, number: int, left: int, top: int) -> Json:
        """Return it with its number in the dashboard, at its place."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": DATASOURCE,
            "gridPos": {"h": self.height, "w": self.width, "x": left, "y": top},
            "fieldConfig": {"defaults": {"unit": self.unit, **self.defaults()}, "overrides": []},
            "options": self.options(),
            "targets": [query.as_json(number, table=self.kind == "table") for number, query in enumerate(self.queries)],
            **self.more(),
        }

    def defaults(self) -> Json:
        """Return how a value is drawn."""
        return {"min": 0, "custom": {"fillOpacity": 10, "lineWidth": 1, "showPoints": "never", "spanNulls": False}}

    def options(self) -> Json:
        """Return what surrounds the values."""
        return {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }

    def more(self) -> Json:
        """Return what only this kind of panel has."""
        return {}


@dataclass(frozen=True)
class Stat(Panel):
    """One number now, and a shadow of how it came about. warn, alarm: from where it is yellow, and red."""

    warn: float | None = None
    alarm: float | None = None
    width: int = 4
    height: int = 4

    kind = "stat"

    def defaults(self) -> Json:
        limits = [("yellow", self.warn), ("red", self.alarm)]
        steps = [{"color": "green", "value": None}, *({"color": c, "value": v} for c, v in limits if v is not None)]
        return {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": steps}}

    def options(self) -> Json:
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "area", "textMode": "auto"}


@dataclass(frozen=True)
class Table(Panel):
    """Series as rows, as they are now. columns: the labels to show, in this order."""

    columns: Sequence[str] = ()

    kind = "table"

    def defaults(self) -> Json:
        return {"custom": {"align": "auto", "filterable": False}}

    def options(self) -> Json:
        return {"showHeader": True, "cellHeight": "sm"}

    def more(self) -> Json:
        kept = {"include": {"names": [*self.columns, "Value"]}}
        order = {name: place for place, name in enumerate((*self.columns, "Value"))}
        return {
            "transformations": [
                {"id": "filterFieldsByName", "options": kept},
                {"id": "organize", "options": {"excludeByName": {}, "indexByName": order, "renameByName": {}}},
            ]
        }


@dataclass(frozen=True)
class Row:
    """A heading, and the panels below it from left to right."""

    title: str
    panels: Sequence[Panel]


def laid_out(rows: Sequence[Row]) -> Iterator[Json]:
    """Yield the headings and panels of rows, numbered from 1, one below the other."""
    number = top = 0
    for row in rows:
        number += 1
        yield {
            "id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [],
            "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
        }  # fmt: skip
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, height = 0, top + height, 0
            number += 1
            yield panel.as_json(number, left, top)
            left, height = left + panel.width, max(height, panel.height)
        top += height
