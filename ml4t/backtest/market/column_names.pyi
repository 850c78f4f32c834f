from collections.abc import Iterable
from typing import final

BAR_COLUMNS: frozenset[str]

@final
class ColumnNames: ...

def unknown_name(name: object, known: Iterable[object]) -> str: ...
