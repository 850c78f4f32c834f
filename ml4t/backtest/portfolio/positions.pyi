from typing import final

@final
class Positions:
    def __new__(cls, n_assets: int) -> Positions: ...
