"""The diagram of rooms and arrows in docs/design.md, made from the imports.

``make diagram`` writes it anew; a test of the house fails where it is not what the imports say.
"""

import sys

from house.tree import LAYERS, ROOT, import_graph, room_of

PAGE = ROOT / "docs" / "design.md"
BEGIN = "<!-- diagram: begin (made by `make diagram`) -->"
END = "<!-- diagram: end -->"


def room_graph(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Which rooms import which, from which modules import which; the package root is left out."""
    rooms: dict[str, set[str]] = {}
    for module, others in graph.items():
        room = room_of(module)
        if room:
            imported = {room_of(other) for other in others}
            rooms.setdefault(room, set()).update(imported - {room, "", None})
    return rooms


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows of a graph without those that a way of several arrows implies."""

    def reached(room: str, seen: set[str]) -> set[str]:
        for other in graph.get(room, set()) - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    return {
        room: {
            other
            for other in others
            if not any(other in reached(via, set()) for via in others - {other})
        }
        for room, others in graph.items()
    }


def diagram(graph: dict[str, set[str]]) -> str:
    """Return the rooms that have arrows as a Mermaid flowchart, the highest first."""
    arrows = reduced(graph)
    shown = {*graph, *(other for others in graph.values() for other in others)}
    order = [room for names in reversed(LAYERS) for room in names if room in shown]
    lines = ["```mermaid", "flowchart TD"]
    parts = [room for room in order if "." in room]
    if parts:
        inside = [f'    {_node(room)}["{room.replace(".", "/")}"]' for room in parts]
        lines += ['  subgraph inside["rooms of data"]', *inside, "  end"]
    for room in order:
        below = [other for other in order if other in arrows.get(room, ())]
        lines += [f"  {_node(room)} --> {_node(other)}" for other in below]
    return "\n".join([*lines, "```"])


def _node(room: str) -> str:
    return room.strip("_").replace(".", "_")


def with_diagram(page: str, made: str) -> str:
    """Return a page with what stands between its markers replaced."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE.name} must hold the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def current_page() -> str:
    """Return the page of design with the diagram that the imports give."""
    return with_diagram(PAGE.read_text(encoding="utf-8"), diagram(room_graph(import_graph())))


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(current_page(), encoding="utf-8")
    else:
        print(diagram(room_graph(import_graph())))
