from typing import final

@final
class Trades:
    def __new__(cls) -> Trades: ...
