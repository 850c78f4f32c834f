from typing import Any

class PackedSpec:
    def __init__(self, spec: Any) -> None: ...
