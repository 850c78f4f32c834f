"""A notebook, executed as a server without a screen does it: pictures and tables, and nothing on stderr."""

from collections import Counter

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("plotly")
pytest.importorskip("matplotlib")

# Widgets are not there, as in a plain installation: a progress bar has to do without.
RUN = """
import sys
sys.modules["ipywidgets"] = None
from ml4t.backtest import BacktestConfig, MarketData, Strategy, run_backtest
from ml4t.backtest.datasets import load_aapl

class Hold(Strategy):
    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, percent=0.5)

data = MarketData.from_tables(load_aapl())
result = run_backtest(data, Hold(), progress=True)
"""
TABLE, PICTURE = "text/html", "image/png"
CELLS = (
    (RUN, TABLE),  # the bar
    ("result", TABLE),
    ("result.summary()", TABLE),
    ("data", TABLE),
    ("BacktestConfig()", TABLE),
    ("result.explain(1)", TABLE),
    ("result.explain(1).plot()", PICTURE),
    ("result.chart('months')", PICTURE),
    ("result.plot()", PICTURE),
    ("figure = result.plot(asset='AAPL')", PICTURE),
    ("figure", PICTURE),
    ("import matplotlib.pyplot as plt\nfigure = result.plot()\nplt.show()", PICTURE),
    ("figure = result.plot('run.png')\nfigure", PICTURE),
    ("result.plot(backend='plotly')", "application/vnd.plotly.v1+json"),
)


@pytest.mark.filterwarnings("ignore")  # what the client's own libraries deprecate
def test_every_cell_shows_its_picture_or_table_once(tmp_path):
    cells = [nbformat.v4.new_code_cell(source) for source, _ in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=60, resources=resources).execute()
    for cell, (source, kind) in zip(notebook.cells, CELLS, strict=True):
        assert Counter(output.output_type for output in cell.outputs)["stream"] == 0, source
        shown = [output.data for output in cell.outputs if kind in output.data]
        assert len(shown) == len(cell.outputs) == 1, source
