from typing import Any, final

ASKED: tuple[str, ...]

@final
class EntryTerms:
    def __init__(self, valid: str = "gtc", **asked: Any) -> None: ...
    @property
    def given(self) -> dict[str, Any]: ...
