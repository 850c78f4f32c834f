"""The diagram in docs/design.md is what the imports say."""

import pytest
from house.diagram import BEGIN, END, PAGE, current_page, diagram, reduced, room_graph, with_diagram


def test_the_diagram_is_current():
    assert PAGE.read_text(encoding="utf-8") == current_page(), "run `make diagram`"


def test_imports_of_modules_become_arrows_of_rooms():
    package = "ml4t.backtest"
    graph = {
        package: {f"{package}.engine"},
        f"{package}.engine": {f"{package}.core.types", f"{package}.risk.plan"},
        f"{package}.risk.plan": {f"{package}.core.types", f"{package}.risk.spec"},
    }
    assert room_graph(graph) == {"engine": {"core", "risk"}, "risk": {"core"}}


def test_an_arrow_that_others_imply_is_left_out():
    arrows = {"engine": {"core", "risk"}, "risk": {"market"}, "market": {"core"}}
    assert reduced(arrows) == {"engine": {"risk"}, "risk": {"market"}, "market": {"core"}}


def test_rooms_stand_highest_first():
    made = diagram({"risk": {"core"}, "engine": {"risk"}, "data.join": {"data.tables"}})
    arrows = [line.strip() for line in made.splitlines() if "-->" in line]
    assert arrows == ["engine --> risk", "risk --> core", "data_join --> data_tables"]


def test_what_stands_between_the_markers_is_replaced():
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    assert with_diagram(page, "new") == f"above\n{BEGIN}\nnew\n{END}\nbelow\n"
    with pytest.raises(ValueError, match="must hold the lines"):
        with_diagram("no markers", "new")
