"""A run as one page of HTML that needs nothing beside itself."""

from ml4t.backtest.report.page.run_page import run_page

__all__ = ["run_page"]
