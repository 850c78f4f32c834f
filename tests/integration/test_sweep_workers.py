"""One table, whoever runs the trials: threads, processes, Dask, Ray; and what becomes of workers that are killed."""

import importlib
import math
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import warnings
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from unit.sweep.studied import DAY, PAIRS, TEMPLATE, dips, market, now_and_then, plain

from ml4t.backtest import BacktestConfig, MarketData
from ml4t.backtest.data import on_file
from ml4t.backtest.sweep import SweepError, between, from_optuna, grid, param, random, sweep
from ml4t.backtest.sweep.driver import Driver
from ml4t.backtest.sweep.journal import NoJournal
from ml4t.backtest.sweep.measures import Measures
from ml4t.backtest.sweep.shown_progress import NotShown
from ml4t.backtest.sweep.study_file import StudyFile
from ml4t.backtest.sweep.template import Recipe
from ml4t.backtest.sweep.trial import Runner, Trial
from ml4t.backtest.sweep.workers import local
from ml4t.backtest.sweep.workers.chosen import SECONDS_SHORT, crew_for
from ml4t.backtest.sweep.workers.killed import (
    TIMES_KILLED,
    InHand,
    Suspects,
    one_by_one,
    said_of_killed,
)
from ml4t.backtest.sweep.workers.local import OneByOne, Processes
from ml4t.backtest.sweep.workers.pool import SECONDS_IDLE, are_there
from ml4t.backtest.sweep.workers.task import raise_lost, sent

FALLS = random(40, seed=2, fall=[0.001, 0.002, 0.005, 0.02], hold=[1, 2, 3, 5, 8, 13])
MEASURES = ["total_return", "trades", "sharpe", "end"]


@pytest.fixture(scope="module")
def expected():
    return {
        "compiled": plain(sweep(TEMPLATE, PAIRS, market(), workers=1, measures=MEASURES)),
        "Python": plain(sweep(dips, FALLS, market(), workers=1, measures=MEASURES)),
        "errors": plain(sweep(now_and_then, grid(fall=[0.001, 0.02]), market(), workers=1)),
    }


def check(expected, **options):
    for name, given, space in (("compiled", TEMPLATE, PAIRS), ("Python", dips, FALLS)):
        result = sweep(given, space, market(), measures=MEASURES, **options)
        assert plain(result).equals(expected[name]), name
    result = sweep(now_and_then, grid(fall=[0.001, 0.02]), market(), **options)
    assert plain(result).equals(expected["errors"])


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_the_table_is_the_same_for_any_workers_of_this_machine(
    workers, backend, expected, tmp_path
):
    check(expected, workers=workers, backend=backend)
    journal = {"journal": tmp_path / "study.db"}
    result = sweep(
        dips, FALLS, market(), measures=MEASURES, workers=workers, backend=backend, **journal
    )
    assert plain(result).equals(expected["Python"])


@pytest.mark.parametrize("backend", ["threads", "processes"])
def test_what_a_study_prunes_is_the_same_for_any_workers_of_this_machine(backend, tmp_path):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def table(**options):
        learning = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=1, n_startup_trials=8),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        )
        values = {"fall": between(0.001, 0.02), "hold": between(1, 13)}
        space = from_optuna(learning, 30, values, at_a_time=6, stages=(0.3, 0.5))
        return plain(sweep(dips, space, market(240), measures=MEASURES, **options))

    expected = table(workers=1)
    assert set(expected["status"]) == {"done", "pruned"}
    for workers in (2, 5):
        journal = tmp_path / f"{workers}.db"
        assert table(workers=workers, backend=backend).equals(expected)
        for _ in range(2):
            assert table(workers=workers, backend=backend, journal=journal).equals(expected)


PAIR = {"stop": 0.1, "target": 0.1}
MANY, FEW = 10**6, 10


def kind_of_workers(given, first, backend, seconds, n, measures=None):
    runner = Runner(Recipe(given), market(), Measures(measures))
    crew = crew_for(backend, 2, runner, first)
    return type(crew.suited(seconds, n)).__name__


@pytest.mark.parametrize("seconds", [1e-5, 1.0])
def test_python_goes_to_processes_and_where_threads_are_asked_for_to_these(seconds):
    for given, first in (
        (dips, {"fall": 0.1}),
        ({**TEMPLATE, "rules": [now_and_then]}, {}),
    ):
        assert kind_of_workers(given, first, None, seconds, FEW) == "Processes"
        kind = "Threads" if seconds == 1.0 else "OneByOne"
        assert kind_of_workers(given, first, "threads", seconds, FEW) == kind


def test_long_compiled_runs_go_to_threads():
    for backend in (None, "threads"):
        assert kind_of_workers(TEMPLATE, PAIR, backend, 1.0, FEW) == "Threads"


def test_short_compiled_runs_go_to_processes_where_these_are_worth_their_start():
    assert kind_of_workers(TEMPLATE, PAIR, None, 1e-5, MANY * 10) == "Processes"
    assert kind_of_workers(TEMPLATE, PAIR, None, 1e-5, FEW) == "OneByOne"
    assert kind_of_workers(TEMPLATE, PAIR, "threads", 1e-5, MANY * 10) == "OneByOne"
    assert kind_of_workers(TEMPLATE, PAIR, "processes", 1e-5, FEW) == "Processes"


def test_short_compiled_runs_that_cannot_be_sent_run_one_after_the_other():
    measures = {"lambda": lambda result: 1.0}
    with pytest.warns(
        UserWarning, match="lambda.*the runs are short, and made one after the other"
    ):
        assert kind_of_workers(TEMPLATE, PAIR, None, 1e-5, MANY * 10, measures) == "OneByOne"
    assert kind_of_workers(TEMPLATE, PAIR, None, 1e-5, FEW, measures) == "OneByOne"


def test_a_first_run_that_is_short_is_followed_by_another_before_anybody_is_chosen():
    runner = Runner(Recipe(TEMPLATE), market(), Measures())
    for backend, wanted in ((None, True), ("threads", True), ("processes", False)):
        crew = crew_for(backend, 2, runner, PAIR)
        assert crew.wants_another(SECONDS_SHORT / 2) == wanted
        assert not crew.wants_another(SECONDS_SHORT * 2)


class Watching:
    """A crew that notes what it is asked, and runs everything here."""

    def __init__(self, runner):
        self.asked = []
        self.one_by_one = OneByOne(runner)

    def wants_another(self, seconds):
        return True

    def suited(self, seconds, n):
        self.asked.append((seconds, n))
        return self.one_by_one


@pytest.mark.parametrize("falls", [[0.001, 0.002, 0.003, 0.004], ["?", "?", 0.003, 0.004]])
def test_what_fails_at_first_does_not_tell_how_long_runs_take(falls):
    runner = Runner(Recipe(dips), market(), Measures())
    crew = Watching(runner)
    trials = [Trial(number, {"fall": fall}) for number, fall in enumerate(falls)]
    driver = Driver(runner, crew, NoJournal(), NotShown())
    outcomes = [one for some in driver.outcomes(trials) for one in some]
    assert [one.key for one in outcomes] == [0, 1, 2, 3]
    expected = [one.seconds for one in outcomes[:2] if one.status == "done"]
    assert crew.asked == [(min(expected, default=math.inf), 2)]


def test_processes_are_there_once_they_have_had_work():
    sweep(dips, FALLS, market(), workers=2, backend="processes")
    assert are_there(2)
    assert not are_there(61)


def mapped(fall):
    """Says which file of market data this process has mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    files = {line.split()[-1] for line in lines if line.endswith(".arrow")}
    raise RuntimeError(", ".join(sorted(files)))


STRATEGY = """
from ml4t.backtest import Strategy


class Buys(Strategy):
    def __init__(self, units):
        self.units = units

    def on_start(self):
        self.buy("A", self.units * {factor})

    def on_market_data(self, event):
        pass
"""


def test_processes_run_what_a_module_has_become_when_it_is_loaded_anew(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    written = tmp_path / "edited_strategy.py"
    written.write_text(STRATEGY.format(factor=1.0))
    edited = importlib.import_module("edited_strategy")

    def returns(**options):
        template = {"strategy": partial(edited.Buys, param("units"))}
        return sweep(
            template, grid(units=[1.0, 2.0, 3.0, 4.0]), market(), **options
        ).table.total_return.tolist()

    before = returns(workers=2, backend="processes")
    assert before == returns(workers=1)
    written.write_text(STRATEGY.format(factor=10.0))
    importlib.invalidate_caches()
    importlib.reload(edited)
    after = returns(workers=2, backend="processes")
    assert after == returns(workers=1)
    assert after != before


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the kernel shows no maps")
def test_workers_map_the_file_of_the_data():
    data = market()
    table = sweep(mapped, grid(fall=[0.1, 0.2, 0.3]), data, workers=2, backend="processes").table
    # The first was run here, where other tests have mapped theirs.
    assert set(table["error"][1:]) == {f"RuntimeError: {on_file(data).file}"}


def finely(fall, fine):
    raise RuntimeError(f"{fine.file}, {len(pickle.dumps(fine))} bytes")


@pytest.mark.parametrize("place", ["a template", "a partial"])
def test_market_data_anywhere_in_a_recipe_go_to_workers_as_their_path(place):
    fine = market(2_000, seed=7)
    if place == "a template":
        given = {**TEMPLATE, "fine": fine, "config": BacktestConfig(intrabar="fine")}
    else:
        given = partial(finely, fine=fine)
    content = sent(Runner(Recipe(given), market(), Measures())).content
    assert len(content) < 3_000 < len(pickle.dumps(fine))
    arrived = pickle.loads(content).recipe.given
    there = arrived["fine"] if isinstance(arrived, dict) else arrived.keywords["fine"]
    assert there is on_file(fine)
    if place == "a template":
        space = grid(stop=[0.01, 0.02], target=[0.02])
        tables = [
            plain(sweep(given, space, market(), workers=n, backend=backend))
            for n, backend in ((1, None), (2, "processes"))
        ]
        assert tables[0].equals(tables[1])
        assert tables[0]["status"].eq("done").all(), tables[0]["error"].tolist()


def test_the_finer_series_of_a_study_is_read_once_and_sent_as_its_path(tmp_path):
    names = {"prices.parquet": market(40), "fine.parquet": market(960, step=DAY // 24)}
    for name, data in names.items():
        pd.DataFrame(
            {
                "timestamp": pd.to_datetime(data.timestamps, utc=True),
                "asset": "A",
                **{field: getattr(data, field) for field in ("open", "high", "low", "close")},
            }
        ).to_parquet(tmp_path / name)
    (tmp_path / "study.yaml").write_text(
        "data: {prices: prices.parquet, fine: fine.parquet}\n"
        "strategy: {class: 'unit.sweep.studied:Dips', parameters: {fall: 0.001}}\n"
        "risk: {rules: [{rule: PriceBasedStopLoss, pct: [0.01, 0.02]}]}\n"
        "execution: {intrabar: fine}\n"
    )
    study = StudyFile(tmp_path / "study.yaml")
    content = sent(Runner(Recipe(study.made()), study.data(), Measures())).content
    arrived = pickle.loads(content).recipe.given
    assert arrived._fine.file.endswith(".arrow")
    assert arrived._fine.n_times == 960


def killed_once(fall, note):
    """Kills its worker, the first time."""
    try:
        Path(note).touch(exist_ok=False)
    except FileExistsError:
        return dips(fall)
    if fall == 0.004:
        os.kill(os.getpid(), signal.SIGKILL)
    Path(note).unlink()
    return dips(fall)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed so")
def test_what_a_killed_worker_had_is_run_again(tmp_path):
    falls = [n / 1000 for n in range(8)]
    space = grid(fall=falls, note=[str(tmp_path / "note")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # joblib: a worker stopped
        result = sweep(killed_once, space, market(), workers=2, backend="processes")
    assert result.table["status"].tolist() == ["done"] * 8
    other = sweep(dips, grid(fall=falls), market(), workers=1)
    assert result.table["sharpe"].equals(other.table["sharpe"])


def always_killed(fall):
    if fall > 0.0:
        os.kill(os.getpid(), signal.SIGKILL)
    return dips(fall)


def check_blamed(times=TIMES_KILLED, **options):
    """Trials that kill every worker are rows with their error, whatever their number; the others are done."""
    falls = [n / 1000 for n in range(12)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # joblib: a worker stopped
        table = sweep(killed_always, grid(fall=falls), market(), **options).table
    other = sweep(dips, grid(fall=falls), market(), workers=1).table
    is_killed = table["fall"].isin(KILLERS)
    assert table["status"].tolist() == ["failed" if killed else "done" for killed in is_killed]
    assert set(table["error"][is_killed]) == {said_of_killed(times)}
    assert table["sharpe"][~is_killed].equals(other["sharpe"][~is_killed])


KILLERS = (0.002, 0.003, 0.008)


def killed_always(fall):
    if fall in KILLERS:
        os.kill(os.getpid(), signal.SIGKILL)
    return dips(fall)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed so")
def test_trials_that_kill_every_worker_are_rows_and_no_other_is_blamed(monkeypatch):
    monkeypatch.setattr(local, "one_by_one", partial(one_by_one, times=2))
    check_blamed(2, workers=2, backend="processes")


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed so")
def test_many_trials_may_lose_a_worker_each(tmp_path):
    """What is counted is how often a trial kills, not how often a sweep loses workers."""
    falls = [n / 1000 for n in range(1, 7)]
    space = grid(fall=falls, notes=[str(tmp_path)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = sweep(each_killed_once, space, market(), workers=2, backend="processes").table
    assert table["status"].tolist() == ["done"] * 6
    assert len([*tmp_path.iterdir()]) == 5 > TIMES_KILLED


def each_killed_once(fall, notes):
    """Kills its worker the first time that it runs there, but for the first of all, which has none."""
    if fall > 0.001:
        try:
            Path(notes, str(fall)).touch(exist_ok=False)
        except FileExistsError:
            return dips(fall)
        os.kill(os.getpid(), signal.SIGKILL)
    return dips(fall)


def test_what_had_not_been_handed_out_again_is_not_lost(monkeypatch):
    """A pool breaks while batches of the one before wait still for their turn, and again beside single trials."""
    runner = Runner(Recipe(dips), market(), Measures())
    trials = [Trial(n, {"fall": n / 1000}) for n in range(20)]
    batches = [trials[n : n + 2] for n in range(0, 20, 2)]
    breaks = iter([5, 1, 1, 3])  # after so many batches have been asked for

    def pool(n, run, given):
        given = iter(given)
        asked = next(breaks, None) if isinstance(given, InHand) else None
        if asked is not None:
            for _ in range(asked):
                next(given)
            raise BrokenProcessPool
        for one in given:
            yield run(one)

    monkeypatch.setattr(local, "in_processes", pool)
    outcomes = [one for some in Processes(runner, 2).outcomes(iter(batches)) for one in some]
    assert sorted(one.key for one in outcomes) == [*range(20)]


def sweep_in_processes():
    sweep(dips, FALLS, market(), measures=MEASURES, workers=2, backend="processes")


def test_a_process_of_somebody_else_ends_once_its_sweep_has():
    """Its workers would wait for more work for minutes, and it for them."""
    process = multiprocessing.get_context("spawn").Process(target=sweep_in_processes)
    process.start()
    process.join(SECONDS_IDLE / 2)
    assert process.exitcode == 0


def test_a_batch_that_was_in_hand_twice_is_run_alone():
    a, b, c = ([Trial(key, {})] for key in "abc")
    suspects = Suspects()
    assert suspects.after_a_kill([a, b]) == ([a, b], [])
    assert suspects.after_a_kill([b, c]) == ([c], [b])
    suspects.acquit()
    assert suspects.after_a_kill([b]) == ([b], [])


# ---- clusters: two processes each ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of what stands in the libraries, as they start and end
def test_the_table_is_the_same_on_a_dask_cluster(expected):
    distributed = pytest.importorskip("distributed")
    import dask

    check_on = {"backend": "dask", "workers": 2}
    one = sweep(dips, FALLS, market(), measures=MEASURES, **check_on)  # makes one of its own
    assert plain(one).equals(expected["Python"])
    with (
        dask.config.set(
            {"distributed.scheduler.allowed-failures": 0}
        ),  # a new worker takes seconds
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
        distributed.Client(made) as client,
    ):
        check(expected, backend=client)
        check(expected, backend="dask")
        check_blamed(1, backend=client)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_table_is_the_same_on_a_ray_cluster(expected, monkeypatch):
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    one = sweep(
        dips, FALLS, market(), measures=MEASURES, backend="ray", workers=2
    )  # makes one of its own
    assert plain(one).equals(expected["Python"])
    assert not ray.is_initialized()
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        check(expected, backend="ray")
        check_blamed(1, backend="ray")
    finally:
        ray.shutdown()


def test_a_worker_without_the_package_is_said():
    with pytest.raises(SweepError) as said:
        raise_lost(ModuleNotFoundError("No module named 'ml4t'", name="ml4t"))
    assert str(said.value) == (
        "a worker cannot import ml4t: install ml4t-backtest, and what the strategy needs, where the workers are"
    )


def test_a_worker_that_does_not_reach_the_data_is_said(tmp_path):
    data = MarketData.load(market().save(tmp_path / "prices.arrow"))
    given = sent(Runner(Recipe(dips), data, Measures()))
    (tmp_path / "prices.arrow").unlink()
    script = """if True:
        import pickle, sys
        from ml4t.backtest.sweep import SweepError
        from ml4t.backtest.sweep.workers.task import packed, raise_lost, run_trials
        try:
            run_trials(pickle.load(sys.stdin.buffer), packed([]))
        except Exception as error:
            try:
                raise_lost(error)
            except SweepError as said:
                print(said)
    """
    tests = str(Path(__file__).parents[1])
    path = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(given),
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().startswith(
        f"a worker cannot read the data: {data.file} cannot be read"
    )
    assert "save them where all workers find them" in done.stdout.decode()
