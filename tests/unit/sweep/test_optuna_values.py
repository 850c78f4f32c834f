"""What a study of Optuna knows of values, and how a sampler ends a sweep that has tried all there are."""

import inspect

import pytest
from unit.sweep.studied import TEMPLATE, dips, market, plain

from ml4t.backtest.sweep import SweepError, between, from_optuna, sweep

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
FALLS = [0.001, 0.002, 0.004]


def made(sampler=None):
    sampler = sampler or optuna.samplers.TPESampler(seed=1, n_startup_trials=3)
    return optuna.create_study(direction="maximize", sampler=sampler)


def swept(study, n=6, function=dips, at_a_time=10, **values):
    space = from_optuna(study, n, at_a_time=at_a_time, **values)
    return sweep(function, space, market(), workers=1)


def test_a_study_knows_the_values_themselves():
    study = made()
    result = swept(study, 12, fall=FALLS, hold=[5, 7])
    best = result.best()
    assert study.best_params == {"fall": best["fall"], "hold": best["hold"]}
    assert [trial.params["fall"] for trial in study.trials] == result.table["fall"].tolist()


def test_values_may_be_queued():
    study = made()
    study.enqueue_trial({"fall": 0.004, "hold": 7})
    result = swept(study, 3, fall=FALLS, hold=[5, 7])
    assert result.parameters[0] == {"fall": 0.004, "hold": 7}


class Named:
    """Shown by Python with where it stands in memory."""


def assets(fall, assets):
    return dips(fall)


OTHERS = [None, "A", [1, 2], (1, 2), "(1, 2)", Named(), Named(), assets]


def test_what_a_study_cannot_keep_is_known_by_its_text():
    space = from_optuna(made(), 8, fall=[0.001], assets=OTHERS)
    shown = space._distributions["assets"].choices
    named = f"<{Named.__module__}.Named object>"
    assert shown == (
        None, "A", "[1, 2]", "(1, 2) (1)", "(1, 2)", named, f"{named} (2)", "<function assets>",
    )  # fmt: skip
    study = made()
    for label in shown:
        study.enqueue_trial({"fall": 0.001, "assets": label})
    result = swept(study, 8, assets, fall=[0.001], assets=OTHERS)
    assert [one["assets"] for one in result.parameters] == OTHERS


def test_numbers_that_are_equal_to_others_are_told_apart():
    values = [1, 1.0, True, 2]
    study = made(optuna.samplers.BruteForceSampler(seed=1))
    result = swept(study, 4, assets, fall=[0.001], assets=values)
    found = sorted(map(repr, (one["assets"] for one in result.parameters)))
    assert found == ["1", "1.0", "2", "True"]
    assert {trial.params["assets"] for trial in study.trials} == {"1", "1.0", "True", 2}


def test_a_study_takes_the_same_values_in_the_same_order():
    study = made()
    swept(study, 4, fall=FALLS)
    swept(study, 4, fall=FALLS)
    with pytest.raises(SweepError, match="takes the same values in the same order: give these, or"):
        swept(study, 4, fall=FALLS[::-1])
    queued = made()
    queued.enqueue_trial({"fall": 0.5})
    with pytest.raises(SweepError, match=r"the study cannot be asked: '0.5' not in"):
        swept(queued, 4, fall=FALLS)


def test_a_study_asks_as_it_did_when_it_knew_places():
    """So a journal that was begun then goes on."""
    places = optuna.distributions.CategoricalDistribution([0, 1, 2])
    study = made()
    before = sweep(
        lambda fall, hold: dips(FALLS[fall], hold),
        from_optuna(study, 30, fall=places, hold=between(2, 9)),
        market(),
        workers=1,
    )
    now = swept(made(), 30, fall=FALLS, hold=between(2, 9))
    assert [FALLS[place] for place in before.table["fall"]] == now.table["fall"].tolist()
    assert before.table["sharpe"].equals(now.table["sharpe"])


EACH_ONCE = {
    "grid": lambda: optuna.samplers.GridSampler({"fall": FALLS, "hold": [5, 7]}, seed=1),
    "brute force": lambda: optuna.samplers.BruteForceSampler(seed=1),
}


@pytest.mark.parametrize("at_a_time", [1, 4, 6, 10])
@pytest.mark.parametrize("n", [6, 40])
@pytest.mark.parametrize("sampler", EACH_ONCE)
def test_a_sampler_that_has_tried_all_ends_the_sweep(sampler, n, at_a_time):
    study = made(EACH_ONCE[sampler]())
    result = swept(study, n, at_a_time=at_a_time, fall=FALLS, hold=[5, 7])
    tried = {(one["fall"], one["hold"]) for one in result.parameters}
    assert len(tried) == len(result) == 6
    assert result.table["status"].eq("done").all()
    assert not any(trial.state == optuna.trial.TrialState.RUNNING for trial in study.trials)
    assert study.best_value == result.best()["sharpe"]


@pytest.mark.skipif(
    "avoid_premature_stop" not in inspect.signature(optuna.samplers.BruteForceSampler).parameters,
    reason="this Optuna has no such sampler",
)
def test_a_sampler_that_would_rather_try_twice_tries_all():
    study = made(optuna.samplers.BruteForceSampler(seed=1, avoid_premature_stop=True))
    result = swept(study, 60, at_a_time=5, fall=FALLS, hold=[5, 7])
    assert len({(one["fall"], one["hold"]) for one in result.parameters}) == result.n_tried == 6
    assert len(result) < 60


def test_a_grid_that_was_tried_before_ends_the_next_sweep():
    study = made(EACH_ONCE["grid"]())
    swept(study, 6, fall=FALLS, hold=[5, 7])
    again = swept(study, 40, at_a_time=3, fall=FALLS, hold=[5, 7])
    assert 1 <= len(again) <= 3


def test_what_is_queued_twice_ends_no_grid():
    study = made(EACH_ONCE["brute force"]())
    for _ in range(2):
        study.enqueue_trial({"fall": 0.001, "hold": 5})
    result = swept(study, 40, at_a_time=4, fall=FALLS, hold=[5, 7])
    assert len({(one["fall"], one["hold"]) for one in result.parameters}) == 6


def test_an_error_of_a_study_that_is_another_is_raised(monkeypatch):
    study = made()
    monkeypatch.setattr(study, "tell", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no")))
    with pytest.raises(RuntimeError, match="no"):
        swept(study, 2, fall=FALLS)


def test_a_distribution_of_lists_that_the_user_makes_goes_through():
    with pytest.warns(UserWarning, match="Choices for a categorical"):
        lists = optuna.distributions.CategoricalDistribution([[1], [2]])
    result = swept(made(), 4, assets, fall=[0.001], assets=lists)
    assert {str(one["assets"]) for one in result.parameters} <= {"[1]", "[2]"}


def test_workers_change_nothing_of_values():
    def table(**options):
        space = from_optuna(made(), 12, stop=[0.01, 0.02, 0.05], target=[0.02, 0.05])
        return plain(sweep(TEMPLATE, space, market(), **options))

    assert table(workers=1).equals(table(workers=2, backend="threads"))
