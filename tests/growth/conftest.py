"""Growth is a matter of the release build, and of a machine that does nothing else meanwhile."""

import pytest

from ml4t.backtest import build_profile


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "growth" in item.path.parts:
            item.add_marker(pytest.mark.timing)
            if build_profile() != "release":
                # Guards of the other builds may look at everything each time.
                item.add_marker(pytest.mark.skip(reason="growth is measured on the release build"))
