"""One table, whoever runs the trials: threads, processes, Dask, Ray; and what becomes of workers that are killed."""

import os
import pickle
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from unit.sweep.studied import PAIRS, TEMPLATE, dips, market, now_and_then, plain

from ml4t.backtest import MarketData
from ml4t.backtest.data import on_file
from ml4t.backtest.sweep import SweepError, grid, random, sweep
from ml4t.backtest.sweep.measures import Measures
from ml4t.backtest.sweep.template import Recipe
from ml4t.backtest.sweep.trial import Runner
from ml4t.backtest.sweep.workers import local
from ml4t.backtest.sweep.workers.chosen import workers_for
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


def test_python_goes_to_processes_and_what_is_compiled_to_threads():
    for given, first, kind in (
        (TEMPLATE, {"stop": 0.1, "target": 0.1}, "Threads"),
        (dips, {"fall": 0.1}, "Processes"),
        ({**TEMPLATE, "rules": [now_and_then]}, {}, "Processes"),
    ):
        runner = Runner(Recipe(given), market(), Measures())
        assert type(workers_for(None, 2, runner, first)).__name__ == kind


def mapped(fall):
    """Says which file of market data this process has mapped."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    files = {line.split()[-1] for line in lines if line.endswith(".arrow")}
    raise RuntimeError(", ".join(sorted(files)))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the kernel shows no maps")
def test_workers_map_the_file_of_the_data():
    data = market()
    table = sweep(mapped, grid(fall=[0.1, 0.2, 0.3]), data, workers=2, backend="processes").table
    # The first was run here, where other tests have mapped theirs.
    assert set(table["error"][1:]) == {f"RuntimeError: {on_file(data).file}"}


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


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed so")
def test_a_trial_that_kills_every_worker_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(local, "TIMES_KILLED", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(SweepError, match="workers were killed 2 times"):
            sweep(always_killed, grid(fall=[0.0, 0.1]), market(), workers=2, backend="processes")


# ---- clusters: two processes each ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of what stands in the libraries, as they start and end
def test_the_table_is_the_same_on_a_dask_cluster(expected):
    distributed = pytest.importorskip("distributed")
    check_on = {"backend": "dask", "workers": 2}
    one = sweep(dips, FALLS, market(), measures=MEASURES, **check_on)  # makes one of its own
    assert plain(one).equals(expected["Python"])
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
        distributed.Client(made) as client,
    ):
        check(expected, backend=client)
        check(expected, backend="dask")


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
        from ml4t.backtest.sweep.workers.task import raise_lost, run_trials
        try:
            run_trials(pickle.load(sys.stdin.buffer), [])
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
