from typing import Any

class PackedLimit:
    def __init__(self, spec: Any) -> None: ...
