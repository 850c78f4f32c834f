from typing import Any, final

@final
class PackedSpec:
    def __new__(cls, spec: Any) -> PackedSpec: ...
