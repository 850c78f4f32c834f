"""RunFile: a run as data. Reading one runs no code; only :meth:`RunFile.run` imports the strategy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationInfo, model_validator

from ml4t.backtest.backtest.backtest_engine import BacktestEngine, Progress
from ml4t.backtest.backtest.fine_data import FINE_SIDES, OPTIONS, read_fine
from ml4t.backtest.config import BacktestConfig
from ml4t.backtest.core.named_arguments import suggests_names
from ml4t.backtest.data.assembly.from_tables import market_data
from ml4t.backtest.data.stream.feed import DataFeed
from ml4t.backtest.data.tables.asset_names import given_assets
from ml4t.backtest.data.tables.clock import BarTime
from ml4t.backtest.data.tables.find_files import is_matched, is_there
from ml4t.backtest.market.market_data import MarketData
from ml4t.backtest.profiles import switches_of
from ml4t.backtest.provenance.classes import is_installed, module_folder
from ml4t.backtest.provenance.errors import DescriptionError
from ml4t.backtest.provenance.run_description import describe_run, describe_strategy
from ml4t.backtest.provenance.run_file_fields import ACCOUNT, EXECUTION, FEED_OPTIONS, OUTPUT
from ml4t.backtest.report.progress import progress_bar
from ml4t.backtest.result import BacktestResult
from ml4t.backtest.risk import RiskManager
from ml4t.backtest.runfile import text
from ml4t.backtest.runfile.changes import changed
from ml4t.backtest.runfile.errors import RunFileError
from ml4t.backtest.runfile.fields import ModuleFolder, Section, is_file_spec
from ml4t.backtest.runfile.imports import make
from ml4t.backtest.runfile.sections import (
    Account,
    Data,
    Execution,
    Features,
    NamedStrategy,
    Output,
    Risk,
    Source,
    TableSource,
)
from ml4t.backtest.setting_errors import Location, SettingsError
from ml4t.backtest.strategy.strategy import Strategy


class RunFile(Section):
    """Everything a run is made of, as it stands in a YAML or JSON file.

    Sections and their settings are in ``docs/configuration.md``. Two run files are equal when every
    setting is.

    Examples
    --------
    >>> RunFile.load("momentum.yaml").run().summary()  # doctest: +SKIP
    """

    data: Data
    """Prices, and how their times are read."""
    features: Features = Features()
    """What is joined to the prices as of time."""
    strategy: NamedStrategy
    """The class that decides, and its parameters."""
    risk: Risk = Risk()
    """Rules on positions and orders."""
    execution: Execution = Execution()  # type: ignore[valid-type]
    """Costs, and what a fill is: settings of BacktestConfig."""
    account: Account = Account()  # type: ignore[valid-type]
    """Cash, and the kind of account: settings of BacktestConfig."""
    output: Output = Output()
    """What is written, and where."""
    modules: ModuleFolder | None = None
    """Folder of the modules that ``module:Class`` names; by default the run file's own."""

    @model_validator(mode="before")
    @classmethod
    def _beside_the_file(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Mapping) and (info.context or {}).get("folder"):
            return {"modules": ".", **value}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> RunFile:
        intrabar = self.config().intrabar
        if self.data.fine is None and intrabar in FINE_SIDES:
            raise ValueError(
                f"execution.intrabar {intrabar} needs fine bars: name them in data.fine"
            )
        if self.data.fine is not None and intrabar not in FINE_SIDES:
            raise ValueError(
                f"data.fine is looked at by none under execution.intrabar {intrabar}: write intrabar: fine"
            )
        return self

    # -------------------------------------------------------------------------- reading, writing

    @classmethod
    def load(cls, path: str | Path) -> RunFile:
        """Read a run file. Runs no code, and looks at no table.

        Parameters
        ----------
        path : str or Path
            ``.yaml``, ``.yml`` or ``.json``. ``${NAME}`` in it is replaced from the environment, and
            relative paths are taken from its folder.

        Raises
        ------
        RunFileError
            With a sentence for everything that is wrong, and its line.
        """
        path = Path(path)
        read = text.read_file(path)
        return cls._checked(read.content, path.parent.resolve(), read.place)

    @classmethod
    def from_mapping(
        cls, content: Mapping[str, Any], *, folder: Path | None = None, name: str = "run"
    ) -> RunFile:
        """Check the content of a run file.

        Parameters
        ----------
        content : mapping
        folder : Path, optional
            What relative paths are taken from; left as they are without.
        name : str
            Of the file, for messages.

        Raises
        ------
        RunFileError
            With a sentence for everything that is wrong.
        """
        return cls._checked(content, folder, lambda _: name)

    @classmethod
    def _checked(
        cls, content: Mapping[str, Any], folder: Path | None, place: Callable[[Location], str]
    ) -> RunFile:
        """Check content; `place` says where something in it stands."""
        try:
            return cls.model_validate(content, context={"folder": folder})
        except SettingsError as error:
            told = [(place(one.location), one.sentence) for one in error.problems]
            lines = [f"{where}: {sentence}" if where else sentence for where, sentence in told]
            raise RunFileError("\n".join(lines)) from None

    def replace(self, changes: Mapping[str, Any], *, folder: Path | None = None) -> RunFile:
        """Return a copy with other values in some fields, checked as a whole.

        Parameters
        ----------
        changes : mapping of path to value
            A path is that of messages: ``account.initial_cash``, ``risk.rules[0].pct``.
        folder : Path, optional
            What relative paths among the values are taken from; left as they are without.

        Raises
        ------
        RunFileError
            With a sentence for everything that is wrong.

        Examples
        --------
        >>> run.replace({"account.initial_cash": 50_000, "data.end": None})  # doctest: +SKIP
        """
        return self._checked(changed(self.description(), changes), folder, lambda _: "")

    @classmethod
    @suggests_names
    def from_python(
        cls,
        prices: Any,
        strategy: Strategy,
        *,
        signals: Any = None,
        features: Any = None,
        context: Any = None,
        actions: Any = None,
        fine: Any = None,
        assets: Sequence[Any] | None = None,
        columns: Mapping[str, str] | None = None,
        bar_time: BarTime = None,
        timezone: str | None = None,
        stamps: str | None = None,
        bar_length: Any = None,
        time_unit: str | None = None,
        sort: bool | None = None,
        on_violation: str | None = None,
        on_unknown_assets: str | None = None,
        on_repeated_rows: str | None = None,
        allow_negative_prices: bool | Sequence[Any] | None = None,
        chunk: str | int | None = None,
        start: Any = None,
        end: Any = None,
        values: Sequence[str] | None = None,
        prefetch: bool | None = None,
        rules: Any = None,
        config: BacktestConfig | None = None,
        output: str | Path | None = None,
    ) -> RunFile:
        """Describe a run given as to :func:`~ml4t.backtest.run_backtest`.

        Parameters
        ----------
        prices : path or DataFeed
            A feed must come from :meth:`DataFeed.from_parquet`, and have paths as tables.
        strategy : Strategy
            Its parameters are read from its attributes of the same names, or from a property
            ``parameters``.
        signals, features, context, actions, fine : path, optional
            As there.
        assets, columns, bar_time, timezone, stamps, bar_length, time_unit, sort, on_violation, \
on_unknown_assets, on_repeated_rows, allow_negative_prices : optional
            As there.
        chunk, start, end, values, prefetch : optional
            As for a feed, which reads the prices where ``chunk`` is given.
        rules : iterable of RiskRule, optional
            A rule for some assets is (rule, assets).
        config : BacktestConfig, optional
        output : path, optional
            The folder for the result.

        Raises
        ------
        RunFileError
            If something cannot be written to a file: a table in memory, a function as a rule, a class
            of no module, a parameter that is no plain value.
        """
        arguments = {
            "signals": signals,
            "features": features,
            "context": context,
            "actions": actions,
            "fine": fine,
            "assets": given_assets(assets),
            "columns": columns,
            "bar_time": bar_time,
            "timezone": timezone,
            "stamps": stamps,
            "bar_length": bar_length,
            "time_unit": time_unit,
            "sort": sort,
            "on_violation": on_violation,
            "on_unknown_assets": on_unknown_assets,
            "on_repeated_rows": on_repeated_rows,
            "allow_negative_prices": allow_negative_prices,
            "chunk": chunk,
            "start": start,
            "end": end,
            "values": values,
            "prefetch": prefetch,
            "rules": rules,
            "config": config,
            "output": output,
        }
        try:
            content = describe_run(prices, describe_strategy(strategy), arguments)
        except DescriptionError as error:
            raise RunFileError(str(error)) from None
        if not is_installed(type(strategy)):
            content["modules"] = str(module_folder(type(strategy)))
        return cls.from_mapping(content, folder=Path.cwd())

    def save(self, path: str | Path) -> Path:
        """Write the run to a file, YAML or JSON as its suffix says; settings at their default are left out.

        Paths below the folder of the file are written relative to it, and so is ``modules``, wherever it
        is. Variables of the environment have been replaced.

        Raises
        ------
        RunFileError
            If the suffix is another, or the file cannot be written.
        """
        path = Path(path)
        content = self.model_dump(
            mode="json",
            by_alias=True,
            exclude_defaults=True,
            context={"folder": path.parent.resolve()},
        )
        if content.get("modules") == ".":
            del content["modules"]
        # A switch at its default is left out above, and would then be what the profile says.
        config = self.config()
        for name in switches_of(config.profile):
            content["execution"].setdefault(name, getattr(config, name))
        text.write_file(path, content)
        return path

    def description(self) -> dict[str, Any]:
        """Return every setting, those at their default too, as a result stores them."""
        return self.model_dump(mode="json", by_alias=True)

    def check_files(self) -> None:
        """Look whether every file named is there.

        Raises
        ------
        RunFileError
            With a sentence for each that is not.
        """
        missing = [
            f"{field}: there is no file {path}{_near_file(path)}"
            for field, path in self._files()
            if not is_there(path) and not is_matched(path)
        ]
        if missing:
            raise RunFileError("\n".join(missing))

    def _files(self) -> Iterator[tuple[str, Path]]:
        sources: dict[str, Source | None] = {
            "data.prices": self.data.prices,
            "data.actions": self.data.actions,
            "data.fine": self.data.fine,
        }
        for group in ("signals", "features", "context"):
            for place, table in enumerate(getattr(self.features, group)):
                sources[f"features.{group}[{place}]"] = table
        for field, source in sources.items():
            if source is not None and source.path is not None:
                yield field, Path(source.path)
        specs = {"strategy": self.strategy.spec}
        for place, rule in enumerate(self.risk.rules):
            specs |= {f"risk.rules[{place}]": one.rule for one in rule.all_rules()}
        for field, spec in specs.items():
            if is_file_spec(spec):
                yield field, Path(spec.rpartition(":")[0])

    # ----------------------------------------------------------------------------------- running

    def config(self) -> BacktestConfig:
        """Return the settings of ``execution``, ``account`` and ``output`` as one."""
        settings = {name: getattr(self.execution, name) for name in EXECUTION}
        settings |= {old: getattr(self.account, new) for old, new in ACCOUNT.items()}
        settings |= {name: getattr(self.output, name) for name in OUTPUT}
        return BacktestConfig(**settings)

    def market_data(self) -> MarketData | DataFeed:
        """Read the tables, and join them; with ``data.chunk`` make a feed, which does it as a run gets on.

        Raises
        ------
        DataError
            As :func:`~ml4t.backtest.data.market_data`.
        """
        features = _tables(self.features.features, "feature")
        for entry in self.features.indicators:
            indicator = entry.make()
            features[entry.name or indicator.name] = indicator
        data = self.data
        options: dict[str, Any] = {
            "signals": _tables(self.features.signals, "signal") or None,
            "features": features or None,
            "context": _tables(self.features.context, "context") or None,
            "actions": None if data.actions is None else data.actions.read(),
            "assets": data.assets,
            "columns": data.columns,
            "bar_time": data.bar_time,
            "timezone": data.timezone,
            "stamps": data.stamps,
            "bar_length": data.bar_length,
            "time_unit": data.time_unit,
            "sort": data.sort,
            "on_violation": data.on_violation,
            "on_unknown_assets": data.on_unknown_assets,
            "on_repeated_rows": data.on_repeated_rows,
            "allow_negative_prices": data.allow_negative_prices,
        }
        if data.chunk is None:
            return market_data(data.prices.read(), **options)
        of_a_feed = {name: getattr(data, name) for name in FEED_OPTIONS}
        return DataFeed.from_parquet(data.prices.read(), **options, **of_a_feed)

    def fine_data(self) -> MarketData | None:
        """Read the fine bars, where there are some, as the prices are read.

        Raises
        ------
        DataError
            As :func:`~ml4t.backtest.data.market_data`.
        """
        data = self.data
        if data.fine is None:
            return None
        given = {name: getattr(data, name) for name in (*OPTIONS, "allow_negative_prices")}
        return read_fine(data.fine.read(), given)

    def make_strategy(self) -> Strategy:
        """Import the class of the strategy, and make one.

        Raises
        ------
        RunFileError
            If there is no such class, or it refuses its parameters.
        """
        given = self.strategy
        return make(
            given.spec, Strategy, given.parameters, folder=self._modules(), field="strategy"
        )

    def make_risk_manager(self) -> RiskManager:
        """Return a risk manager with the rules."""
        manager = RiskManager()
        for entry in self.risk.rules:
            manager.add_rule(entry.make(self._modules()), assets=entry.assets)
        return manager

    def _modules(self) -> Path:
        return Path.cwd() if self.modules is None else Path(self.modules)

    def run(self, *, progress: bool | Progress = False, write: bool = True) -> BacktestResult:
        """Run it, and write the result to the folder that ``output`` names, if it does.

        Parameters
        ----------
        progress : bool or callable
            True shows a progress bar.
        write : bool
            False writes nothing.

        Raises
        ------
        RunFileError
            If a file is missing, or the strategy cannot be made.
        DataError, StrategyError, RuleError, BacktestInterrupted
            As :func:`~ml4t.backtest.run_backtest`.
        """
        self.check_files()
        # Made first: what is wrong with them is said before the data are read, which may take long.
        strategy, risk_manager = self.make_strategy(), self.make_risk_manager()
        data, fine = self.market_data(), self.fine_data()
        result = self.run_on(data, strategy, risk_manager, progress, fine)
        if write and self.output.folder is not None:
            result.to_parquet(self.output.folder)
            if self.output.picture:
                result.plot(Path(self.output.folder) / "equity.png")
        return result

    def run_on(
        self,
        data: MarketData | DataFeed,
        strategy: Strategy,
        risk_manager: RiskManager,
        progress: bool | Progress = False,
        fine: MarketData | None = None,
    ) -> BacktestResult:
        """Run it on what was made before; nothing is written."""
        if progress is True:
            with progress_bar() as update:
                return self.run_on(data, strategy, risk_manager, update, fine)
        engine = BacktestEngine(
            data,
            strategy,
            risk_manager=risk_manager,
            config=self.config(),
            progress=progress or None,
            fine=fine,
            run_file=self.description(),
        )
        return engine.run()


def _tables(entries: tuple[TableSource, ...], default: str) -> dict[str, Any]:
    """Return the tables by the name of their values, where a table has a column per asset."""
    tables: dict[str, Any] = {}
    n_called: dict[str, int] = {}  # where the next number begins: those before are taken
    for entry in entries:
        base = entry.name or default
        name, number = base, n_called.get(base, 1)
        while name in tables:
            number += 1
            name = f"{base}_{number}"
        n_called[base] = number
        tables[name] = entry.table()
    return tables


def _near_file(path: Path) -> str:
    others = [other.name for other in path.parent.glob("*")] if is_there(path.parent) else []
    near = difflib.get_close_matches(path.name, others, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
