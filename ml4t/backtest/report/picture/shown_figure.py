"""A figure of matplotlib that a notebook shows."""

from __future__ import annotations

import base64
import io
import sys
from typing import Any

import matplotlib
from matplotlib.figure import Figure


class ShownFigure(Figure):
    """A figure that is its own picture as the last line of a cell."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        self._leave_pyplot()
        return {
            "image/png": base64.b64encode(picture.getvalue()).decode("ascii"),
            "text/plain": repr(self),
        }

    def _leave_pyplot(self) -> None:
        # A notebook shows what pyplot has at the end of each cell: the picture would be there twice.
        pyplot: Any = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and "inline" in matplotlib.get_backend():
            pyplot.close(self)
