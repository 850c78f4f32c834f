from typing import Literal, SupportsFloat, final

from ml4t.backtest.strategy.strategy import CompiledStrategy

@final
class SignalStrategy(CompiledStrategy):
    def __init__(
        self,
        entry: str | None = None,
        exit: str | None = None,  # noqa: A002
        *,
        short_entry: str | None = None,
        short_exit: str | None = None,
        quantity: SupportsFloat | None = None,
        value: SupportsFloat | None = None,
        percent: SupportsFloat | None = None,
        size_at: Literal["close", "fill"] = "close",
        limit: str | SupportsFloat | None = None,
        stop: str | SupportsFloat | None = None,
        trail: str | SupportsFloat | None = None,
        trail_percent: str | SupportsFloat | None = None,
        stop_loss: str | SupportsFloat | None = None,
        take_profit: str | SupportsFloat | None = None,
        valid: Literal["gtc", "day", "ioc", "fok"] = "gtc",
        max_entries: int = 1,
        max_positions: int | None = None,
        rank: str | None = None,
    ) -> None: ...
    @property
    def parameters(self) -> dict[str, str | float]: ...
    @property
    def entry(self) -> str | None: ...
    @property
    def exit(self) -> str | None: ...
    @property
    def short_entry(self) -> str | None: ...
    @property
    def short_exit(self) -> str | None: ...
    @property
    def rank(self) -> str | None: ...
    @property
    def max_entries(self) -> int: ...
    @property
    def max_positions(self) -> int | None: ...
