"""What `quantstats`, `empyrical` and `pyfolio` make of what a result hands on: returns, positions, transactions."""

import importlib

import numpy as np
import pandas as pd
import pytest

from ml4t.backtest import AnalysisError, BacktestConfig, DataFeed, Strategy, run_backtest

NEW_YORK = "America/New_York"
DATES = pd.bdate_range("2024-01-02", periods=120, name="date")  # over the change of clocks in March
MOVES = np.random.default_rng(7).normal(0.0, 0.01, len(DATES))
# Each close is of one date, and so is the benchmark's return to it.
CLOSES = 100.0 * np.cumprod(1.0 + MOVES)
BENCHMARK = pd.Series(CLOSES, DATES).pct_change().fillna(0.0)


class HoldsHalf(Strategy):
    """Half of the equity in the asset, once for all: its beta is near a half."""

    def on_market_data(self, event):
        if not self.position(event.asset):
            self.buy(event.asset, percent=0.5)


def by_dates():
    return run_backtest(
        pd.DataFrame({"A": CLOSES}, DATES), HoldsHalf(), bar_time=f"16:00 {NEW_YORK}"
    )


def by_midnights_of_utc():
    return run_backtest(pd.DataFrame({"A": CLOSES}, DATES.tz_localize("UTC")), HoldsHalf())


def past_midnight_of_utc():
    # Three bars a session; the last at 20:00 in New York is complete at 01:00 UTC of the next day.
    hours = pd.to_timedelta(np.tile([10, 16, 20], len(DATES)), unit="h")
    times = (DATES.repeat(3) + hours).tz_localize(NEW_YORK)
    return run_backtest(pd.DataFrame({"A": np.repeat(CLOSES, 3)}, times), HoldsHalf())


def beta_of_quantstats(returns, benchmark):
    return importlib.import_module("quantstats").stats.greeks(returns, benchmark)["beta"]


def beta_of_empyrical(returns, benchmark):
    return importlib.import_module("empyrical").beta(returns, benchmark)


def beta_of_pyfolio(returns, benchmark):
    stats = importlib.import_module("pyfolio.timeseries").perf_stats(returns, benchmark)
    return stats["Beta"]


@pytest.mark.filterwarnings("ignore")  # their imports call what others deprecate
@pytest.mark.parametrize("run", [by_dates, by_midnights_of_utc, past_midnight_of_utc])
@pytest.mark.parametrize("beta", [beta_of_quantstats, beta_of_empyrical, beta_of_pyfolio])
def test_the_beta_of_half_an_asset_is_right(run, beta):
    pytest.importorskip(beta.__name__.removeprefix("beta_of_"))
    returns = run().returns
    assert returns.index.equals(DATES.as_unit("ns"))
    # By its definition, of the two as arrays: no date is needed where every session has one.
    r, b = returns.to_numpy(), BENCHMARK.to_numpy()
    expected = np.cov(r, b)[0, 1] / np.var(b, ddof=1)
    assert expected == pytest.approx(0.5, abs=0.05)
    assert beta(returns, BENCHMARK) == pytest.approx(expected, abs=1e-9)


# --- positions and transactions -----------------------------------------------------------------


class Switches(Strategy):
    """In the asset every other week, with whole shares."""

    def on_market_data(self, event):
        holds = event.timestamp.tz_convert(NEW_YORK).isocalendar().week % 2
        self.order_target_quantity(event.asset, 500 * holds)


class Evenings(Switches):
    """The same, at the last bar of a session."""

    def on_market_data(self, event):
        if event.timestamp.tz_convert(NEW_YORK).hour == 20:
            super().on_market_data(event)


def switching(run):
    """A run of Switches over the data of one of the runs above."""
    return run_backtest(run()._data, Switches())


RUNS = [by_dates, by_midnights_of_utc, past_midnight_of_utc]


@pytest.mark.parametrize("run", RUNS)
def test_positions_sum_to_equity_and_transactions_to_positions(run):
    result = switching(run)
    positions, transactions = result.positions_frame, result.transactions
    assert positions.index.equals(result.returns.index.tz_localize("UTC"))
    ends = result._frames.session_ends("UTC" if run is by_midnights_of_utc else NEW_YORK)
    equity = result.equity["equity"].to_numpy()[ends]
    np.testing.assert_allclose(positions.sum(axis=1), equity, rtol=1e-12)
    assert list(positions) == ["A", "cash"]
    days = transactions.index.normalize()
    held = transactions["amount"].groupby(days).sum().reindex(positions.index, fill_value=0.0)
    np.testing.assert_allclose(held.cumsum() * CLOSES, positions["A"], atol=1e-6)
    paid = 100_000.0 + transactions["txn_dollars"].groupby(days).sum().cumsum()
    np.testing.assert_allclose(paid, positions["cash"].reindex(paid.index), rtol=1e-12)
    fills = result.fills
    assert (transactions["amount"] == fills["quantity"].to_numpy()).all()
    assert (transactions["price"] == fills["price"].to_numpy()).all()
    assert (transactions["order_id"] == fills["order_id"].to_numpy()).all()


def test_a_transaction_in_the_evening_has_the_last_instant_of_its_session():
    # At 20:00 in New York it is the next day in UTC, which pyfolio would take for the session.
    config = BacktestConfig(fill_at="close")
    result = run_backtest(past_midnight_of_utc()._data, Evenings(), config=config)
    filled, times = result.to_frames("UTC")["fills"]["timestamp"], result.transactions.index
    assert len(times) > 10
    day = pd.Timedelta(days=1)
    assert (times == filled.dt.normalize() - pd.Timedelta(1, unit="ns")).all()
    assert times.normalize().equals(pd.DatetimeIndex(filled.dt.normalize() - day))


def test_other_transactions_have_their_time():
    result = switching(past_midnight_of_utc)
    filled = result.to_frames("UTC")["fills"]["timestamp"]
    assert (result.transactions.index == filled).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", RUNS)
def test_pyfolio_takes_returns_positions_and_transactions(run):
    pyfolio = pytest.importorskip("pyfolio")
    result = switching(run)
    returns, positions, transactions = (
        result.returns, result.positions_frame, result.transactions,
    )  # fmt: skip
    stats = pyfolio.timeseries.perf_stats(
        returns, BENCHMARK, positions=positions, transactions=transactions
    )
    assert stats["Sharpe ratio"] == pytest.approx(result.measure(periods_per_year=252)["sharpe"])
    exposure = positions["A"].abs() / positions.sum(axis=1)
    assert stats["Gross leverage"] == pytest.approx(exposure.mean())
    value = (result.fills["quantity"] * result.fills["price"]).abs().sum()
    volume = pyfolio.txn.get_txn_vol(transactions)
    assert volume["txn_volume"].sum() == pytest.approx(value)
    turnover = pyfolio.txn.get_turnover(positions, transactions)
    assert turnover.index.equals(positions.index)
    assert np.isfinite(turnover).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", RUNS)
def test_pyfolio_finds_our_round_trips(run):
    pyfolio = pytest.importorskip("pyfolio")
    result = switching(run)
    given = result.for_pyfolio()
    worth = given["positions"].sum(axis=1) / (1 + given["returns"])
    trips = pyfolio.round_trips.extract_round_trips(given["transactions"], worth)
    trades = result.trades
    np.testing.assert_allclose(trips["pnl"].astype(float), trades["gross_pnl"], atol=1e-6)
    assert trips["returns"].notna().all()


@pytest.mark.filterwarnings("ignore")
def test_pyfolio_draws_its_full_sheet(monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pyfolio = pytest.importorskip("pyfolio")
    plt = importlib.import_module("matplotlib.pyplot")
    theirs = BENCHMARK.tz_localize("UTC")
    given = switching(past_midnight_of_utc).for_pyfolio()
    pyfolio.create_full_tear_sheet(**given, benchmark_rets=theirs, round_trips=True)
    assert len(plt.get_fignums()) >= 4
    plt.close("all")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", RUNS)
def test_quantstats_takes_returns(run):
    quantstats = pytest.importorskip("quantstats")
    result = switching(run)
    sharpe = quantstats.stats.sharpe(result.returns, periods=252)
    assert sharpe == pytest.approx(result.measure(periods_per_year=252)["sharpe"])
    report = quantstats.reports.metrics(result.returns, BENCHMARK, display=False)
    assert {"Sharpe", "Max Drawdown"} <= {*report.index}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("run", RUNS)
def test_empyrical_measures_returns_as_we_do(run):
    stats = pytest.importorskip("empyrical")
    result = switching(run)
    ours = result.measure(benchmark=BENCHMARK, periods_per_year=252)
    assert stats.sharpe_ratio(result.returns) == pytest.approx(ours["sharpe"])
    assert stats.beta(result.returns, BENCHMARK) == pytest.approx(ours["beta"])
    assert stats.alpha(result.returns, BENCHMARK) == pytest.approx(ours["alpha"])


class Idle(Strategy):
    def on_market_data(self, event):
        pass


def test_a_run_that_did_nothing_hands_on_cash():
    data = by_dates()._data
    result = run_backtest(data, Idle())
    assert list(result.positions_frame) == ["cash"]
    assert len(result.transactions) == 0
    assert list(result.transactions) == [
        "amount", "price", "symbol", "commission", "order_id", "txn_dollars",
    ]  # fmt: skip


def test_a_stored_result_hands_on_the_same(tmp_path):
    result = switching(past_midnight_of_utc)
    again = type(result).load(result.to_parquet(tmp_path / "run"))
    pd.testing.assert_frame_equal(again.positions_frame, result.positions_frame)
    pd.testing.assert_frame_equal(again.transactions, result.transactions)


def test_a_run_over_a_feed_hands_on_the_same(tmp_path):
    rows = pd.DataFrame({"timestamp": DATES, "asset": "A", "close": CLOSES})
    rows.to_parquet(tmp_path / "prices.parquet")
    given = {"bar_time": f"16:00 {NEW_YORK}"}
    feed = DataFeed.from_parquet(tmp_path / "prices.parquet", chunk=30, **given)
    whole, parts = run_backtest(rows, Switches(), **given), run_backtest(feed, Switches())
    assert len(whole.transactions) > 10
    pd.testing.assert_frame_equal(parts.positions_frame, whole.positions_frame)
    pd.testing.assert_frame_equal(parts.transactions, whole.transactions)
    for name, frame in whole.attribution().frames().items():
        pd.testing.assert_frame_equal(parts.attribution().frames()[name], frame)


def test_an_asset_named_cash_is_refused():
    result = run_backtest(pd.DataFrame({"cash": CLOSES}, DATES), HoldsHalf())
    with pytest.raises(AnalysisError, match="an asset is named 'cash', which pyfolio takes"):
        result.positions_frame  # noqa: B018
