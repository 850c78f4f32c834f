from typing import final

@final
class Reasons:
    @property
    def texts(self) -> tuple[str, ...]: ...
