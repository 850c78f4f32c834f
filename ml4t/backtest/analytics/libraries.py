"""Libraries that measure, imported when something is first measured with them."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any


def library(module: str, package: str, what: str) -> Any:
    """Import a library of the extra ``[metrics]``.

    Parameters
    ----------
    module : str
    package : str
        What it is called where it is installed from.
    what : str
        What needs it, for the message.

    Raises
    ------
    ImportError
        If it is not installed, or does not go with another package that is.
    """
    try:
        with warnings.catch_warnings():
            # What their imports call that others deprecate is nothing a user of ours can change.
            warnings.simplefilter("ignore")
            return import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{what} needs {package}; install it with: pip install 'ml4t-backtest[metrics]'"
        ) from error
    except Exception as error:
        raise ImportError(
            f"{what} needs {package}, which is installed and cannot be imported ({error}); try: "
            f"pip install --upgrade {package}"
        ) from error
