"""Growth is a matter of the release build: guards of the others may look at everything each time."""

import pytest

from ml4t.backtest import build_profile


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if build_profile() != "release":
        for item in items:
            if "growth" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason="growth is measured on the release build"))
