"""The options that several commands have, and what their help says."""

from __future__ import annotations

from typing import Annotated

import typer

Signals = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        help="Signals per asset: a file, 'file[column,column]' or name=file; repeatable.",
    ),
]
Features = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="Features per asset, as --signals.")
]
Context = Annotated[
    list[str] | None, typer.Option(metavar="FILE", help="Market-wide values, as --signals.")
]
Actions = Annotated[str | None, typer.Option(metavar="FILE", help="Splits and dividends: a file.")]
Fine = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Finer bars, which tell what came first inside of a bar: a file."
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=COLUMN",
        help="A column that the price table calls otherwise, close=px_last; repeatable.",
    ),
]
BarTime = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="When a bar with a date only is complete: '16:00 America/New_York'.",
    ),
]
Timezone = Annotated[str | None, typer.Option(metavar="ZONE", help="Zone of times that name none.")]
Stamps = Annotated[
    str | None,
    typer.Option(
        metavar="end|start", help="'start' where stamps of prices are the starts of bars."
    ),
]
BarLength = Annotated[
    str | None,
    typer.Option(metavar="LENGTH", help="How long those are: 1h; else the step between stamps."),
]
TimeUnit = Annotated[
    str | None, typer.Option(metavar="s|ms|us|ns", help="What times that are numbers count.")
]
NegativePrices = Annotated[
    bool, typer.Option("--allow-negative-prices", help="Prices of zero or less are meant.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Any field of a run file, account.initial_cash=50000, with a value as in YAML; repeatable.",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Tell each order that was refused or scaled, and the notes, as it ends.",
    ),
]
