from typing import Any, final

@final
class PackedLimit:
    def __new__(cls, spec: Any) -> PackedLimit: ...
