"""A progress bar for notebooks: one output that is written anew, without widgets."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from ml4t.backtest import html


def notebook_bar(description: str) -> Callable[[int, int, str], None]:
    """Show a bar below the cell; return what draws it anew: ``draw(done, total, said)``."""
    from IPython.display import display

    started = monotonic()

    def state(done: int, total: int, said: str) -> dict[str, str]:
        elapsed = timedelta(seconds=int(monotonic() - started))
        text = f"{description} {done:,}/{total:,} {elapsed} {said}".rstrip()
        bar = f'<progress value="{done}" max="{max(total, 1)}"></progress>'
        return {"text/plain": text, "text/html": html.page(bar, html.line(text))}

    shown = display(state(0, 0, ""), raw=True, display_id=True)

    def draw(done: int, total: int, said: str) -> None:
        shown.update(state(done, total, said), raw=True)

    return draw
