"""A run made in Python as the content of a run file, or a sentence that says why it cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.provenance.classes import class_spec, module_folder, parameters_of
from ml4t.backtest.provenance.errors import DescriptionError
from ml4t.backtest.provenance.rules import describe_rules
from ml4t.backtest.provenance.run_file_fields import ACCOUNT, EXECUTION, OUTPUT
from ml4t.backtest.provenance.tables import describe_tables, in_memory


def describe_run(
    prices: Any, strategy: Mapping[str, Any], arguments: Mapping[str, Any], *, again: bool = True
) -> dict[str, Any]:
    """Return the content of the run file.

    Parameters
    ----------
    prices : path or DataFeed
    strategy : mapping
        What :func:`describe_strategy` returns.
    arguments : mapping
        Those of ``RunFile.from_python``; None for those that were not given.
    again : bool
        As in :func:`~ml4t.backtest.provenance.classes.parameters_of`, for rules.

    Raises
    ------
    DescriptionError
        If something cannot be written to a file.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    content = {**describe_tables(prices, given), "strategy": dict(strategy)}
    config = given.get("config", BacktestConfig())
    _refuse_cost_models(config)
    settings = config.model_dump(mode="json")
    content["risk"] = {"rules": describe_rules(given.get("rules", ()), again=again)}
    content["execution"] = {name: settings[name] for name in EXECUTION}
    content["account"] = {new: settings[old] for old, new in ACCOUNT.items()}
    content["output"] = {name: settings[name] for name in OUTPUT}
    if "output" in given:
        content["output"]["folder"] = str(given["output"])
    return content


def _refuse_cost_models(config: BacktestConfig) -> None:
    for field, costs in (
        ("execution.commission", (config.commission,)),
        ("execution.slippage", config.slippage.all_parts),
    ):
        for one in costs:
            if one.is_asked:
                raise DescriptionError(
                    f"{field}: {type(one).__name__} is a model in Python, which a run file cannot hold"
                )


def describe_strategy(strategy: Any, *, again: bool = True) -> dict[str, Any]:
    """Return the class of a strategy, and what it has to be called with.

    Parameters
    ----------
    strategy : Strategy
    again : bool
        As in :func:`~ml4t.backtest.provenance.classes.parameters_of`.

    Raises
    ------
    DescriptionError
        If a file cannot name the class, or its parameters are unknown or no plain values.
    """
    return {
        "class": class_spec(type(strategy), "strategy"),
        "parameters": parameters_of(strategy, "strategy", again=again),
    }


def description_or_reason(
    prices: Any, strategy: Any, arguments: Mapping[str, Any]
) -> dict[str, Any] | str:
    """Return the content of the run file of a run that is about to begin, or why there is none.

    Nothing is made anew for it, and whatever the strategy's own attributes raise stops no run.
    """
    if isinstance(prices, MarketData):  # the shortest runs begin so: nothing is looked at
        return in_memory(prices, "prices")
    try:
        if arguments.get("risk_manager") is not None:
            raise DescriptionError(
                "a file cannot hold a risk manager; give run_backtest its rules as rules="
            )
        tables = {name: value for name, value in arguments.items() if name != "risk_manager"}
        described = describe_strategy(strategy, again=False)
        content = describe_run(prices, described, tables, again=False)
        return {**content, "modules": str(module_folder(type(strategy)))}
    except Exception as error:
        return str(error) or type(error).__name__
