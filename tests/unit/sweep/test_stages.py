"""Stages: a trial runs over the first timestamps, is reported to its study, and ends where the pruner says so."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner
from unit.sweep import studied
from unit.sweep.studied import DAY, TEMPLATE, dips, market, plain

from ml4t.backtest import BacktestConfig, MarketData, SignalStrategy, run_backtest
from ml4t.backtest.analytics import deflated_sharpe
from ml4t.backtest.cli import app
from ml4t.backtest.data import ATR, DataFeed
from ml4t.backtest.risk import TrailingStop
from ml4t.backtest.strategy.errors import BacktestInterrupted
from ml4t.backtest.sweep import SweepError, between, from_optuna, grid, param, read_returns, sweep
from ml4t.backtest.sweep.journal import read_journal, read_stages
from ml4t.backtest.sweep.measures import Measures
from ml4t.backtest.sweep.stages import ends_of
from ml4t.backtest.sweep.template import Recipe
from ml4t.backtest.sweep.trial import Runner, Trial

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)

N = 240
ENDS = (60, 120)
STAGES = (0.25, 0.5)
SPACE = {"stop": between(0.005, 0.1, log=True), "target": [0.02, 0.05, 0.1]}
MEASURES = ["sharpe", "total_return", "trades"]
RUNS = studied.RUNS  # read as that of a module: a list that grows would be other code each time


class Below(optuna.pruners.BasePruner):
    """Prunes what is below a limit, of each step its own."""

    def __init__(self, limits):
        self.limits = limits

    def prune(self, study, trial):
        return trial.intermediate_values[trial.last_step] < self.limits[trial.last_step]


ALWAYS = Below(dict.fromkeys(range(1_000), np.inf))
NEVER = optuna.pruners.NopPruner()
SOME = Below({60: -3.8, 120: -3.0})


def study_of(pruner, seed=3):
    sampler = optuna.samplers.RandomSampler(seed=seed)
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)


def asked(pruner, n=24, space=SPACE, **options):
    study = study_of(pruner)
    return study, from_optuna(study, n, space, **{"at_a_time": 6, "stages": STAGES, **options})


def swept(pruner=SOME, given=TEMPLATE, data=None, **options):
    of_space = {name: options.pop(name) for name in ("n", "space", "stages") if name in options}
    study, space = asked(pruner, **of_space)
    options = {"measures": MEASURES, "workers": 1, **options}
    return study, sweep(given, space, data or market(N), **options)


def first(n_times, n=N):
    """Market data that were made of the first timestamps alone."""
    whole = market(n)
    end = int(whole.offsets[n_times])
    return MarketData.from_arrays(
        whole.assets,
        whole.timestamps[:n_times].copy(),
        whole.offsets[: n_times + 1].copy(),
        *(
            getattr(whole, name)[:end].copy()
            for name in ("asset_codes", "open", "high", "low", "close")
        ),
        features={"up": whole.features["up"][:end].copy()},
        signal_names=["up"],
    )


def sharpe_over(n_times, parameters):
    return (
        Runner(Recipe(TEMPLATE), first(n_times), Measures(["sharpe"]))
        .outcome(Trial(0, parameters))
        .measures[0]
    )


# ---- what is pruned --------------------------------------------------------------------------------


def test_what_the_pruner_says_is_pruned_and_the_others_are_what_they_are_without_stages():
    study, result = swept()
    whole = plain(swept(NEVER, stages=())[1])
    table = plain(result)
    expected = []
    for parameters in result.parameters:
        reached = {end: sharpe_over(end, parameters) for end in ENDS}
        end = next((end for end in ENDS if reached[end] < SOME.limits[end]), None)
        expected.append(
            ""
            if end is None
            else f"TrialPruned: sharpe was {reached[end]:.6g} after {end} timestamps"
        )
    assert table["error"].tolist() == expected
    is_pruned = table["status"] == "pruned"
    assert is_pruned.tolist() == [bool(said) for said in expected]
    assert {said.rpartition("after ")[2] for said in expected} == {
        "",
        "60 timestamps",
        "120 timestamps",
    }
    assert table[~is_pruned].equals(whole[~is_pruned].astype(table.dtypes))
    assert table.loc[is_pruned, MEASURES].isna().all(axis=None)
    assert table[list(SPACE)].equals(whole[list(SPACE)])
    states = [trial.state.name for trial in study.trials]
    assert states == ["PRUNED" if pruned else "COMPLETE" for pruned in is_pruned]


def test_the_luck_of_the_best_is_that_of_all_that_were_tried():
    _, result = swept(keep_returns=True)
    n_done = (result.table["status"] == "done").sum()
    given = deflated_sharpe(result)
    assert given.trials == result.n_tried == len(result) > n_done
    assert (
        given
        == deflated_sharpe(result.returns, trials=len(result))
        < deflated_sharpe(result.returns)
    )


def test_trials_of_equal_parameters_are_one_that_was_tried():
    _, result = swept(ALWAYS, space={"stop": [0.05], "target": [0.02, 0.05]})
    assert (result.n_tried, len(result)) == (2, 24)


def test_the_study_is_told_what_each_stage_reached():
    study, result = swept()
    for trial, parameters in zip(study.trials, result.parameters, strict=True):
        assert trial.intermediate_values
        for end, value in trial.intermediate_values.items():
            assert value == sharpe_over(end, parameters)
    by_state = {
        state: [one for one in study.trials if one.state.name == state]
        for state in ("PRUNED", "COMPLETE")
    }
    assert all([*one.intermediate_values] == [*ENDS] for one in by_state["COMPLETE"])
    assert all(one.value == one.intermediate_values[one.last_step] for one in by_state["PRUNED"])


@pytest.mark.parametrize(
    "pruner",
    [
        optuna.pruners.MedianPruner(n_startup_trials=3),
        optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=61),
        optuna.pruners.ThresholdPruner(lower=-3.5),
        optuna.pruners.SuccessiveHalvingPruner(min_resource=30, reduction_factor=2),
    ],
    ids=lambda pruner: type(pruner).__name__,
)
def test_one_at_a_time_a_study_decides_as_in_a_loop_of_optuna(pruner):
    study, space = asked(pruner, at_a_time=1)
    sweep(TEMPLATE, space, market(N), measures=MEASURES, workers=1)
    other = study_of(pruner)
    for _ in range(24):
        trial = other.ask(space._distributions)
        parameters = space._parameters(trial)
        for end in ENDS:
            trial.report(sharpe_over(end, parameters), end)
            if trial.should_prune():
                other.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            other.tell(trial, sharpe_over(N, parameters))
    for one, expected in zip(study.trials, other.trials, strict=True):
        assert (one.state, one.value, one.params) == (
            expected.state,
            expected.value,
            expected.params,
        )
        assert one.intermediate_values == expected.intermediate_values
    assert len({trial.state for trial in study.trials}) == 2


class Worst(optuna.pruners.BasePruner):
    """Prunes what is the worst of all that have been reported."""

    def prune(self, study, trial):
        others = [
            one.intermediate_values.get(trial.last_step) for one in study.get_trials(deepcopy=False)
        ]
        return trial.intermediate_values[trial.last_step] == min(
            one for one in others if one is not None
        )


def test_all_that_were_asked_for_together_are_reported_before_one_is_pruned():
    _, result = swept(Worst(), n=6, stages=(0.25,))
    reached = [sharpe_over(60, parameters) for parameters in result.parameters]
    assert result.table["status"].tolist() == [
        "pruned" if value == min(reached) else "done" for value in reached
    ]


def test_a_stage_is_the_run_over_the_first_timestamps_to_the_last_bit():
    """Indicators, signals, dividends and rules that name a column, too."""
    draw = np.random.default_rng(2)
    close = 100.0 * np.exp(np.cumsum(draw.normal(0.0, 0.02, (80, 2)), axis=0))
    days = pd.date_range("2024-01-01", periods=80, tz="UTC")
    bars = pd.DataFrame(
        {
            "timestamp": days.repeat(2),
            "asset": ["A", "B"] * 80,
            "open": close.ravel(),
            "high": close.ravel() * 1.01,
            "low": close.ravel() * 0.99,
            "close": close.ravel(),
            "up": (draw.random(160) > 0.8).astype(float),
        }
    ).drop(index=[3, 40])
    actions = pd.DataFrame(
        {"timestamp": days[[10, 50]], "asset": "A", "kind": "dividend", "value": [1.0, 2.0]}
    )
    given = {
        "features": partial(ATR, param("period")),
        "strategy": SignalStrategy("up", percent=0.4),
        "rules": [partial(TrailingStop, param("trail"))],
        "config": BacktestConfig(commission=0.001),
    }
    measures = Measures(["sharpe", "total_return", "trades", "end", "max_drawdown"])
    data = MarketData.from_tables(bars, signals=["up"], actions=actions)
    runner = Runner(Recipe(given), data, measures, True)
    parameters = {"period": 5, "trail": 0.03}
    for n_times in (7, 20, 60):
        known = bars[bars["timestamp"] < days[n_times]]
        own = MarketData.from_tables(
            known, signals=["up"], actions=actions[actions["timestamp"] < days[n_times]]
        )
        stage = runner.outcome(Trial(0, parameters, n_times))
        assert stage.status == "done", stage.error
        expected = Runner(Recipe(given), own, measures).outcome(Trial(0, parameters))
        assert stage.measures == expected.measures
        assert stage.measures[2] > 0
        assert stage.returns is None
    assert runner.outcome(Trial(0, parameters)).measures == measures(
        run_backtest(**runner.arguments(parameters))
    )


def test_finer_bars_go_on_where_a_stage_ends():
    fine = market(N * 24, step=DAY // 24)
    given = {**TEMPLATE, "fine": fine, "config": BacktestConfig(intrabar="fine")}
    study, result = swept(NEVER, given, n=3)
    for trial, parameters in zip(study.trials, result.parameters, strict=True):
        for end in ENDS:
            runner = Runner(Recipe(given), first(end), Measures(["sharpe"]))
            assert runner.outcome(Trial(0, parameters)).measures == (
                trial.intermediate_values[end],
            )


# ---- what does not prune ---------------------------------------------------------------------------


def test_an_objective_without_a_value_is_not_reported_and_does_not_prune():
    study, result = swept(ALWAYS, dips, space={"fall": [0.9]}, n=2)  # no trade, no Sharpe ratio
    assert result.table["status"].tolist() == ["done", "done"]
    assert [trial.intermediate_values for trial in study.trials] == [{}, {}]


def late(result):
    """Has no value, or raises, before there are so many sessions."""
    if len(result.equity) < 80:
        raise ValueError("too few")
    return None if len(result.equity) < 200 else 1.0


def test_a_stage_that_fails_says_nothing_and_the_whole_run_what_it_is():
    study, space = asked(ALWAYS, n=2, space={"fall": [0.01]}, objectives="late")
    result = sweep(dips, space, market(N), measures={"late": late}, workers=1)
    assert result.table["late"].tolist() == [1.0, 1.0]
    assert [trial.intermediate_values for trial in study.trials] == [{}, {}]


def fails(fall):
    raise ValueError("no idea")


def test_a_trial_that_fails_is_the_row_that_it_is_without_stages():
    study, result = swept(ALWAYS, fails, space={"fall": [0.01]}, n=2)
    assert result.table["error"].tolist() == ["ValueError: no idea"] * 2
    assert [trial.state.name for trial in study.trials] == ["FAIL"] * 2


def gives_up(fall):
    studied.RUNS.append(fall)
    raise optuna.TrialPruned("no hope")


def test_a_function_that_prunes_its_trial_ends_it_at_the_first_stage():
    RUNS.clear()
    study, result = swept(NEVER, gives_up, space={"fall": [0.01]}, n=2)
    assert result.table["error"].tolist() == ["TrialPruned: no hope"] * 2
    assert [trial.state.name for trial in study.trials] == ["PRUNED"] * 2
    assert len(RUNS) == 2


def test_progress_counts_trials_not_stages():
    told = []
    swept(progress=lambda done, total, said: told.append((done, total)))
    assert told == [(n + 1, 24) for n in range(24)]


def test_all_pruned_is_a_table_without_measures():
    _, result = swept(ALWAYS)
    assert result.table["status"].eq("pruned").all()
    with pytest.raises(SweepError, match="no trial has a number for sharpe"):
        result.best()
    assert result.run(0).metrics["sharpe"] == sharpe_over(N, result.parameters[0])


# ---- who runs it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["threads", "processes"])
@pytest.mark.parametrize("has_journal", [False, True])
def test_the_table_does_not_depend_on_the_workers(backend, has_journal, tmp_path):
    journal = {"journal": tmp_path / "study.db"} if has_journal else {}
    one, other = swept(), swept(workers=2, backend=backend, **journal)
    assert plain(one[1]).equals(plain(other[1]))
    assert [trial.intermediate_values for trial in one[0].trials] == [
        trial.intermediate_values for trial in other[0].trials
    ]
    assert len(set(one[1].table["status"])) == 2


# ---- a journal -------------------------------------------------------------------------------------


def counted(fall, hold):
    studied.RUNS.append((fall, hold))
    return dips(fall, hold)


FALLS = {"fall": between(0.001, 0.02), "hold": [1, 3, 8]}


@pytest.mark.parametrize("keep_returns", [False, True])
def test_what_is_in_the_journal_is_not_run_again(keep_returns, tmp_path):
    RUNS.clear()
    options = {"given": counted, "space": FALLS, "journal": tmp_path / "study.db"}
    options["keep_returns"] = keep_returns
    once = swept(**options)[1]
    assert {"pruned", "done"} == set(once.table["status"])
    n_runs = len(RUNS)
    again = swept(**options)[1]
    assert len(RUNS) == n_runs
    assert again.table.equals(once.table)  # seconds too
    assert plain(once).equals(plain(swept(given=counted, space=FALLS)[1]))


def test_the_seconds_of_a_trial_are_those_of_its_stages_too(tmp_path):
    path = tmp_path / "study.db"
    table = swept(given=counted, space=FALLS, journal=path)[1].table
    with sqlite3.connect(path) as journal:
        asked = "SELECT SUM(seconds) FROM trials GROUP BY parameters ORDER BY MIN(rowid)"
        written = [seconds for (seconds,) in journal.execute(asked)]
    assert sorted(table["seconds"]) == pytest.approx(sorted(written))


def test_stages_are_not_mistaken_for_whole_runs(tmp_path):
    path = tmp_path / "study.db"
    once = swept(given=counted, space=FALLS, journal=path, keep_returns=True)[1]
    done = once.table[once.table["status"] == "done"]
    _, written = read_journal(path)
    assert [one.rest["status"] for one in written] == ["done"] * len(done)
    assert sorted(one.measures["sharpe"] for one in written) == sorted(done["sharpe"])
    assert len(read_returns(path).columns) == len(once.returns.columns) == len(done)
    RUNS.clear()
    whole = swept(NEVER, given=counted, space=FALLS, stages=(), journal=path)[1]
    assert whole.table["status"].eq("done").all()
    assert len(RUNS) == 24 - len(done)
    assert plain(whole).equals(plain(swept(NEVER, given=counted, space=FALLS, stages=())[1]))


def test_a_journal_says_how_many_trials_ended_at_which_stage(tmp_path):
    path = tmp_path / "study.db"
    table = swept(space=FALLS, given=counted, journal=path)[1].table
    ended = table["error"][table["status"] == "pruned"].str.extract(r"after (\d+) timestamps")[0]
    counted_here = sorted(ended.astype(int).value_counts().items())
    assert len(counted_here) > 1
    assert read_stages(path) == counted_here
    told = CliRunner().invoke(app, ["study", str(path)]).stdout
    for n_times, count in counted_here:
        said = (
            f"{count} trial{'s' * (count > 1)} ended after a stage of {n_times} timestamps: pruned"
        )
        assert said in told
    swept(NEVER, space=FALLS, given=counted, journal=path)
    assert read_stages(path) == []


def test_other_stages_are_run_and_whole_runs_are_not(tmp_path):
    path = tmp_path / "study.db"
    swept(NEVER, given=counted, space=FALLS, journal=path)
    RUNS.clear()
    swept(NEVER, given=counted, space=FALLS, journal=path, stages=(0.5, 0.75))
    assert len(RUNS) == 24


def test_a_sweep_that_is_stopped_at_a_stage_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "study.db"
    RUNS.clear()
    expected = plain(swept(given=counted, space=FALLS)[1])
    n_runs = len(RUNS)
    RUNS.clear()
    run = Runner.outcome

    def interrupted(self, trial):
        if len(RUNS) == 15:
            raise KeyboardInterrupt
        return run(self, trial)

    monkeypatch.setattr(Runner, "outcome", interrupted)
    with pytest.raises(BacktestInterrupted, match=r"after (6|12) of 24 trials") as stopped:
        swept(given=counted, space=FALLS, journal=path)
    monkeypatch.setattr(Runner, "outcome", run)
    table = plain(stopped.value.partial_result)
    ended = table[table["status"] != "not run"]
    assert ended["error"].equals(expected["error"][ended.index])
    assert plain(swept(given=counted, space=FALLS, journal=path)[1]).equals(expected)
    assert len(RUNS) == n_runs


def test_equal_parameters_are_one_run_of_each_stage(tmp_path):
    RUNS.clear()
    space = {"fall": [0.002], "hold": [3]}
    table = swept(NEVER, given=counted, space=space, n=6, journal=tmp_path / "study.db")[1].table
    assert len(RUNS) == 3
    assert table["status"].tolist() == ["done"] * 6
    with sqlite3.connect(tmp_path / "study.db") as journal:
        assert journal.execute("SELECT COUNT(*) FROM trials").fetchone() == (3,)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from unit.sweep import studied
    from unit.sweep.test_stages import FALLS, swept

    def noted(fall, hold):
        notes = Path(sys.argv[2])
        with notes.open("a") as written:
            written.write(f"{fall} {hold}\\n")
        if len(notes.read_text().splitlines()) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return studied.dips(fall, hold)

    result = swept(given=noted, space=FALLS, journal=sys.argv[1])[1]
    print(result.table.drop(columns="seconds").to_csv())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed so")
def test_a_sweep_that_is_killed_again_and_again_ends_with_the_same_table(tmp_path):
    (tmp_path / "driver.py").write_text(textwrap.dedent(KILLED))
    tests = str(Path(__file__).parents[2])
    path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
    for kill_at in (5, 20, 33, 0):
        done = subprocess.run(
            [
                sys.executable,
                *(str(tmp_path / name) for name in ("driver.py", "study.db", "notes")),
                str(kill_at),
            ],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == (-signal.SIGKILL if kill_at else 0), done.stderr
    RUNS.clear()
    expected = swept(given=counted, space=FALLS)[1].table.drop(columns="seconds").to_csv()
    assert done.stdout == f"{expected}\n"
    assert (
        len((tmp_path / "notes").read_text().splitlines()) == len(RUNS) + 3
    )  # those that were killed


# ---- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stages",
    [(0.5, 0.25), (0.5, 0.5), (0.0,), (1.0,), (-0.1,), (np.nan,), ("a",), 0.5, "0.5", (True,)],
)
def test_stages_that_are_no_rising_fractions_are_refused(stages):
    with pytest.raises(SweepError) as said:
        asked(NEVER, stages=stages)
    assert str(said.value) == (
        "stages must be fractions of the timestamps, each above 0, below 1 and above the one before, (0.25, 0.5) say, "
        f"were {stages!r}"
    )


def test_several_objectives_have_no_stages():
    study = optuna.create_study(directions=["maximize", "maximize"])
    with pytest.raises(
        SweepError,
        match=r"^Optuna prunes by one objective alone, and there are 2: leave out stages$",
    ):
        from_optuna(study, 3, fall=[0.1], objectives=["sharpe", "trades"], stages=(0.5,))


def priced(fall, hold=3):
    return {**dips(fall, hold), "prices": market(N)}


def test_data_that_cannot_be_cut_are_refused_before_anything_runs(tmp_path):
    RUNS.clear()
    with pytest.raises(
        SweepError,
        match="here each trial gives its own prices: give data to the sweep, or leave out",
    ):
        sweep(counted, asked(NEVER, space=FALLS)[1], journal=tmp_path / "study.db")
    data = market(N)
    frame = pd.DataFrame(
        {"timestamp": pd.to_datetime(data.timestamps, utc=True), "asset": "A", "close": data.close}
    )
    for name in ("open", "high", "low"):
        frame[name] = getattr(data, name)
    frame.to_parquet(tmp_path / "prices.parquet")
    feed = DataFeed.from_parquet(tmp_path / "prices.parquet", chunk=50)
    with pytest.raises(
        SweepError,
        match="a feed is not held in memory: give the sweep MarketData, or leave out stages",
    ):
        sweep(counted, asked(NEVER, space=FALLS)[1], feed, journal=tmp_path / "study.db")
    _, chunk, *_ = feed
    with pytest.raises(SweepError, match="the data are a chunk of a run, which has no stages"):
        sweep(counted, asked(NEVER, space=FALLS)[1], chunk, journal=tmp_path / "study.db")
    assert RUNS == []
    assert not (tmp_path / "study.db").exists()


def test_stages_of_too_few_timestamps_are_refused():
    for n, stages, ends in ((10, (0.3, 0.31), "3, 3"), (10, (0.04,), "0"), (10, (0.99,), "10")):
        with pytest.raises(SweepError) as said:
            ends_of(stages, market(n))
        assert str(said.value) == (
            f"the stages {', '.join(map(str, stages))} of 10 timestamps end at {ends}, where each has to be longer than the "
            "one before and shorter than all: give fewer of them"
        )
    assert ends_of((0.29, 0.5), market(100)) == (29, 50)
    assert ends_of((), None) == ()
    assert grid(a=[1]).stages == ()
    assert grid(a=[1]).ended(5, {}) == {}
