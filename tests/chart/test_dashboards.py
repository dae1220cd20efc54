"""The dashboards: what each panel says of itself, and what Grafana needs to show them anywhere."""

from typing import Any

import pytest

from k8s.grafana.panels import COLUMNS, DATASOURCE
from tests.chart.queries import dashboards

DASHBOARDS = {each["uid"]: each for each in dashboards()}
# Of Grafana, those that are used here.
UNITS = {"short", "reqps", "percentunit", "s", "rows", "ops", "wps", "bool_yes_no"}
# Kinds of panels and what is a heading.
KINDS = {"timeseries", "stat", "table"}

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels without the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_there_are_three():
    assert DASHBOARDS.keys() == {"trivet-on-call", "trivet-engines", "trivet-scaling"}


@every_dashboard
def test_variables_choose_data_source_namespace_engine_and_model(dashboard):
    variables = {each["name"]: each for each in dashboard["templating"]["list"]}

    assert list(variables) == ["datasource", "namespace", "engine", "model"]
    assert variables["datasource"]["type"] == "datasource"
    assert dashboard["schemaVersion"] >= 39


@every_dashboard
def test_panels_say_what_they_show_in_which_unit_and_from_the_chosen_data_source(dashboard):
    for panel in panels(dashboard):
        assert panel["type"] in KINDS
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["datasource"] == DATASOURCE
        assert [target["datasource"] for target in panel["targets"]] == [DATASOURCE] * len(panel["targets"])


@every_dashboard
def test_panels_have_numbers_of_their_own_and_do_not_overlap(dashboard):
    numbers = [panel["id"] for panel in dashboard["panels"]]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < COLUMNS


@every_dashboard
def test_several_series_of_a_panel_have_names(dashboard):
    for panel in panels(dashboard):
        if len(panel["targets"]) > 1:
            names = [target["legendFormat"] for target in panel["targets"]]

            assert "__auto" not in names
            assert len(set(names)) == len(names)
