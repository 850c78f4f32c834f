"""The sections of a run file as Pydantic models."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    create_model,
    model_validator,
)

from ml4t.backtest import datasets
from ml4t.backtest.config import BacktestConfig, LedgerDetail
from ml4t.backtest.data.features.indicators import Indicator
from ml4t.backtest.data.features.named_indicator import INDICATORS
from ml4t.backtest.data.tables.options import Table
from ml4t.backtest.profiles import with_switches
from ml4t.backtest.provenance.rules import GROUPS, RULES
from ml4t.backtest.provenance.run_file_fields import ACCOUNT, EXECUTION, FEED_OPTIONS
from ml4t.backtest.risk import RiskRule
from ml4t.backtest.runfile.fields import (
    Asset,
    Chunk,
    ClassSpec,
    Duration,
    FilePath,
    OneOrMore,
    Section,
    Text,
    Time,
)
from ml4t.backtest.runfile.imports import make, split_spec
from ml4t.backtest.runfile.named import make_named
from ml4t.backtest.runfile.named_schema import by_name
from ml4t.backtest.settings_model import meanings

DatasetName = Literal["us_stocks", "predictions", "vix", "aapl", "aapl_actions", "es_minutes"]
WITH_DATES = ("us_stocks", "predictions")


class Source(Section):
    """Where a table is; a text alone is its path."""

    path: FilePath | None = None
    """A Parquet or CSV file, a folder of them, or a pattern like bars/*.csv; relative to the run file."""
    dataset: DatasetName | None = None
    """A table that comes with the package, in place of a path."""
    start: Text | None = None
    """First date, year or month to take from a dataset."""
    end: Text | None = None
    """Last date, year or month, included."""

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) or hasattr(value, "__fspath__") else value

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        places = [name for name in self._places() if getattr(self, name) is not None]
        if len(places) != 1:
            raise ValueError(f"give one of {', '.join(self._places())}; had {places or 'none'}")
        if (self.start or self.end) and self.dataset not in WITH_DATES:
            raise ValueError(f"start and end go with the datasets {' and '.join(WITH_DATES)} only")
        return self

    @classmethod
    def _places(cls) -> tuple[str, ...]:
        return ("path", "dataset")

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        return {"anyOf": [{"type": "string"}, cls.own_schema(core, handler)]}

    def read(self) -> Any:
        """Return the path, or the table of a dataset."""
        if self.dataset is None:
            return self.path
        load = getattr(datasets, f"load_{self.dataset}")
        return load(self.start, self.end) if self.dataset in WITH_DATES else load()


class TableSource(Source):
    """A table of signals, features or context, and when its values become known."""

    column: str | None = None
    """A further column of the price table, in place of a table."""
    name: str | None = None
    """What the values of a table with a column per asset are called."""
    values: tuple[str, ...] | None = None
    """The columns to take; all by default, so leave out what is no input."""
    columns: dict[str, str] | None = None
    """Names of the columns of times, assets and publication: timestamp, asset, available_at."""
    available_after: Duration | None = None
    """Lag from a value's own time to its publication: 1d, 90min."""
    timing: str = "strict"
    """The bar that first sees a value: strict, next_bar or lag=n."""
    max_age: Duration | None = None
    """A value older than this at a bar is NaN there."""
    bar_time: str | dict[Asset, str] | None = None
    """Time of day of this table's dates; of each asset where they differ."""
    stamps: Literal["end", "start"] = "end"
    """Whether times are the ends of what values speak of, or the starts."""
    bar_length: Duration | None = None
    """From start to end: 1h; by default the step of the table's own times."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """What times that are numbers count since 1970; by default as ``data`` says."""
    on_violation: Literal["raise", "warn"] | None = None
    """What a value published before its own time does; by default as ``data`` says."""

    @classmethod
    def _places(cls) -> tuple[str, ...]:
        return ("path", "dataset", "column")

    @model_validator(mode="after")
    def _readable(self) -> TableSource:
        options = self._options()
        if self.column is not None and options:
            raise ValueError(f"a column of the prices has no {next(iter(options))} of its own")
        Table(self.path, **options)  # checks them
        return self

    def _options(self) -> dict[str, Any]:
        names = set(TableSource.model_fields) - set(Source.model_fields) - {"column", "name"}
        given = {name: getattr(self, name) for name in TableSource.model_fields if name in names}
        return {n: v for n, v in given.items() if v != TableSource.model_fields[n].default}

    def table(self) -> Table | str:
        """Return the table with its options, or the name of a column."""
        return self.column if self.column is not None else Table(self.read(), **self._options())


class Data(Section):
    """Prices, and how their times are read."""

    prices: Source
    """The price table, long or wide."""
    actions: Source | None = None
    """Splits and cash dividends."""
    fine: Source | None = None
    """Finer bars, of all assets or some, for ``intrabar: fine``; read as the prices are."""
    assets: tuple[Asset, ...] | None = None
    """Asset order; by default the columns of a wide table, else sorted names."""
    columns: dict[str, str] | None = None
    """Names of columns the price table calls otherwise: timestamp: ts, close: px_last."""
    bar_time: str | dict[Asset, str] | None = None
    """Time of day at which dates are complete: 16:00 America/New_York; of each asset where they differ."""
    timezone: str | None = None
    """Zone of times that name none; UTC by default."""
    stamps: Literal["end", "start"] = "end"
    """Whether stamps of prices are the ends of bars, or their starts."""
    bar_length: Duration | None = None
    """How long bars are whose stamps are starts: 1h; by default the step from one to the next."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """What times that are numbers count since 1970."""
    sort: bool = False
    """Whether times that run backwards within an asset are sorted, not refused."""
    on_violation: Literal["raise", "warn"] = "raise"
    """What a value published before it can have been known does."""
    on_unknown_assets: Literal["raise", "drop"] = "raise"
    """What signals, features and actions of assets without prices do."""
    on_repeated_rows: Literal["raise", "drop"] = "raise"
    """What a row of prices does that another equals in every column."""
    allow_negative_prices: bool | tuple[Asset, ...] = False
    """Whether prices of zero or less are taken for what they are: of all assets, or of those named."""
    chunk: Chunk | None = None
    """Read the tables while the run goes on: day, month or year, or a number of rows at a time."""
    start: Time | None = None
    """First bar to read, in chunks: 2024-01-31, 2024-01-31 09:30."""
    end: Time | None = None
    """Last bar to read, in chunks; a date means the whole of it."""
    values: tuple[str, ...] | None = None
    """Further columns of the prices to read, in chunks; all by default."""
    prefetch: bool = True
    """Whether the next chunk is read in a thread while one is run over."""

    @model_validator(mode="after")
    def _of_chunks(self) -> Data:
        for name in FEED_OPTIONS:
            if self.chunk is None and getattr(self, name) != Data.model_fields[name].default:
                raise ValueError(
                    f"{name} goes with chunk only: without it the tables are read as a whole; add chunk: month"
                )
        return self


class NamedIndicator(Section):
    """An indicator by name; its parameters stand beside it."""

    model_config = ConfigDict(extra="allow")
    indicator: str
    """ATR, EWMA, ..."""
    name: str | None = None
    """Name of its column."""

    @model_validator(mode="after")
    def _makes(self) -> NamedIndicator:
        self.make()
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        fields = cls.own_schema(core, handler)["properties"]
        return {"anyOf": by_name("indicator", INDICATORS, {"name": fields["name"]})}

    def make(self) -> Indicator:
        """Return the indicator."""
        return make_named(INDICATORS, self.indicator, self.model_extra or {})


Tables = Annotated[tuple[TableSource, ...], OneOrMore]


class Features(Section):
    """What is joined to the prices as of time."""

    signals: Tables = ()
    """Model outputs per asset."""
    features: Tables = ()
    """Other values per asset."""
    indicators: Annotated[tuple[NamedIndicator, ...], OneOrMore] = ()
    """Computed from the bars."""
    context: Tables = ()
    """Market-wide values."""


class NamedStrategy(Section):
    """The strategy; a text alone is its class."""

    model_config = ConfigDict(populate_by_name=True)
    spec: ClassSpec = Field(alias="class")
    """module:Class or file.py:Class, the file relative to the run file."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """What the class is called with."""

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        return {"class": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _named(self) -> NamedStrategy:
        split_spec(self.spec, "class")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        return {"anyOf": [{"type": "string"}, cls.own_schema(core, handler)]}


class NamedRule(Section):
    """A rule by name; its parameters stand beside it."""

    model_config = ConfigDict(extra="allow")
    rule: ClassSpec
    """A built-in rule, or module:Class, or file.py:Class."""
    rules: tuple[NamedRule, ...] | None = None
    """The members of CompositeRule, AnyOf, AllOf and RegimeDependentRule."""
    assets: Annotated[tuple[Asset, ...] | None, OneOrMore] = None
    """The assets it is for; all by default."""

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        return {"rule": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        fields = cls.own_schema(core, handler)["properties"]
        assets, members = {"assets": fields["assets"]}, {"rules": fields["rules"]}
        groups = {name: kind for name, kind in RULES.items() if name in GROUPS}
        others = {name: kind for name, kind in RULES.items() if name not in GROUPS}
        own = {"type": "string", "pattern": "^.+:.+$", "description": fields["rule"]["description"]}
        of_its_own = {"type": "object", "properties": {**fields, "rule": own}, "required": ["rule"]}
        built_in = [*by_name("rule", others, assets), *by_name("rule", groups, assets | members)]
        return {"anyOf": [*built_in, of_its_own, own]}

    @model_validator(mode="after")
    def _makes(self) -> NamedRule:
        if any(member.assets is not None for member in self.rules or ()):
            raise ValueError("assets stand on the outermost rule, not on its members")
        if self.rules is not None and ":" not in self.rule and self.rule not in GROUPS:
            raise ValueError(f"{self.rule} has no members; {', '.join(GROUPS)} have")
        # Rules of the user's own are made by a run alone: that imports their module.
        if not any(":" in rule.rule for rule in self.all_rules()):
            self.make()
        return self

    def all_rules(self) -> Iterator[NamedRule]:
        """Walk this rule and the members within."""
        yield self
        for member in self.rules or ():
            yield from member.all_rules()

    def make(self, folder: Path | None = None) -> RiskRule:
        """Return the rule; those that are not built in are imported, modules from `folder` first."""
        parameters = dict(self.model_extra or {})
        if self.rules is not None:
            parameters["rules"] = [member.make(folder) for member in self.rules]
        if ":" not in self.rule:
            return make_named(RULES, self.rule, parameters)
        kind: Any = RiskRule  # an abstract class, whose subclasses are meant
        return make(self.rule, kind, parameters, folder=folder or Path.cwd(), field="rule")


class Risk(Section):
    """The rules on positions and orders."""

    rules: Annotated[tuple[NamedRule, ...], OneOrMore] = ()
    """In the order they are added."""


class Output(Section):
    """What is written of the result, and where."""

    folder: FilePath | None = None
    """Folder for the tables; nothing is written without."""
    picture: bool = True
    """Whether equity.png is drawn there, too."""
    record_columns: tuple[str, ...] | None = None
    """Columns that trades carry at entry and exit; all of them by default."""
    ledger: LedgerDetail = "fills"
    """What the ledger tells: fills, decisions or all."""


class Profiled(Section):
    """A section in which a ``profile`` sets what is not given, as in ``BacktestConfig``."""

    @model_validator(mode="before")
    @classmethod
    def _profiled(cls, settings: Any) -> Any:
        return with_switches(settings)


def _settings(name: str, doc: str, fields: dict[str, str], base: type[Section]) -> type[Section]:
    """Return a section with fields of ``BacktestConfig``: one place says what each setting may be."""
    kinds: dict[str, Any] = {}
    for old, new in fields.items():
        field = copy.copy(BacktestConfig.model_fields[old])
        field.description = meanings(BacktestConfig)[old]
        kinds[new] = (field.annotation, field)
    return create_model(name, __base__=base, __doc__=doc, __module__=__name__, **kinds)


Account = _settings("Account", "Cash, and the kind of account.", ACCOUNT, Section)
Execution = _settings(
    "Execution", "Costs, and what a fill is.", {name: name for name in EXECUTION}, Profiled
)
