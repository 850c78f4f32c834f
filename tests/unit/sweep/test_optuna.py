"""Spaces that an Optuna study asks for: the same table for any workers, and from a journal."""

import pytest
from unit.sweep.studied import RUNS, TEMPLATE, dips, market, plain

from ml4t.backtest.sweep import SweepError, between, from_optuna, grid, sweep

optuna = pytest.importorskip("optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)
MEASURES = ["sharpe", "max_drawdown", "trades"]


def asked(n=24, study=None, **options):
    sampler = optuna.samplers.TPESampler(seed=3, n_startup_trials=5)
    study = study or optuna.create_study(direction="maximize", sampler=sampler)
    space = {"stop": between(0.005, 0.1, log=True), "target": [0.02, 0.05, 0.1]}
    return study, from_optuna(study, n, space, at_a_time=6, **options)


def test_a_study_asks_and_is_told():
    study, space = asked()
    result = sweep(TEMPLATE, space, market(), measures=MEASURES, workers=1)
    assert len(result) == len(study.trials) == 24
    assert [trial.value for trial in study.trials] == result.table["sharpe"].tolist()
    assert result.best()["sharpe"] == study.best_value
    assert set(result.table["target"]) <= {0.02, 0.05, 0.1}


@pytest.mark.parametrize("options", [{"workers": 2}, {"workers": 3, "backend": "processes"}])
def test_the_table_does_not_depend_on_the_workers(options):
    one = sweep(TEMPLATE, asked()[1], market(), measures=MEASURES, workers=1)
    other = sweep(TEMPLATE, asked()[1], market(), measures=MEASURES, **options)
    assert plain(one).equals(plain(other))


def counted(stop, target):
    RUNS.append(stop)
    return dips(stop)


def test_a_study_that_is_made_anew_goes_on_from_a_journal(tmp_path):
    journal = {"journal": tmp_path / "study.db", "workers": 1, "measures": MEASURES}
    template = {**TEMPLATE}
    first = sweep(template, asked(12)[1], market(), **journal)
    study, space = asked()
    whole = sweep(template, space, market(), **journal)
    assert whole.table.iloc[:12].equals(first.table)  # seconds too: they were not run again
    assert plain(whole).equals(
        plain(sweep(TEMPLATE, asked()[1], market(), workers=1, measures=MEASURES))
    )
    assert len(study.trials) == 24


def test_several_objectives():
    study = optuna.create_study(
        directions=["maximize", "maximize"], sampler=optuna.samplers.NSGAIISampler(seed=1)
    )
    _, space = asked(study=study, objectives=["sharpe", "max_drawdown"])
    result = sweep(TEMPLATE, space, market(), measures=MEASURES, workers=1)
    pairs = result.table[["sharpe", "max_drawdown"]].to_numpy().tolist()
    assert [trial.values for trial in study.trials] == pairs
    assert study.best_trials


def pruned(fall):
    if fall > 0.004:
        raise optuna.TrialPruned("no hope")
    if fall > 0.003:
        raise ValueError("no idea")
    return dips(fall)


def test_what_is_pruned_and_what_fails_is_told_as_such():
    study = optuna.create_study()
    falls = [0.001, 0.0035, 0.005]
    for fall in falls:
        study.enqueue_trial({"fall": fall})
    space = from_optuna(study, 3, fall=falls, at_a_time=3)
    result = sweep(pruned, space, market(), workers=1)
    by_fall = dict(zip(result.table["fall"], result.table["status"], strict=True))
    assert by_fall == {0.001: "done", 0.0035: "failed", 0.005: "pruned"}
    assert sorted(trial.state.name for trial in study.trials) == ["COMPLETE", "FAIL", "PRUNED"]


def test_a_trial_without_a_value_says_nothing():
    study = optuna.create_study(direction="maximize")
    sweep(dips, from_optuna(study, 1, fall=[0.9]), market(), workers=1)  # no trade, no Sharpe ratio
    assert [trial.state.name for trial in study.trials] == ["FAIL"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda study: from_optuna(study, 3), "the space is empty"),
        (
            lambda study: from_optuna(study, 0, a=[1]),
            "n must be a positive number of trials, was 0",
        ),
        (lambda study: from_optuna(study, 3, a=3), "a must be the values to try"),
        (
            lambda study: from_optuna(study, 3, a=[1], objectives=["sharpe", "trades"]),
            "the study has 1 directions, and 2 objectives are given: sharpe, trades",
        ),
        (
            lambda study: sweep(
                dips, from_optuna(study, 3, fall=[1], objectives="cagr"), market(20)
            ),
            "the objective cagr is not among the measures: add it there",
        ),
        (
            lambda study: sweep(
                dips,
                from_optuna(study, 3, fall=[0.001], objectives="exits_by_rule"),
                market(20),
                measures=["exits_by_rule"],
                workers=1,
            ),
            "the objective exits_by_rule must be a number, exits_by_rule is none: name another measure",
        ),
        (
            lambda study: sweep(
                dips,
                from_optuna(study, 3, fall=[0.001], objectives="m"),
                market(20),
                measures={"m": "start"},
            ),
            "the objective m must be a number, start is none: name another measure",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(make, message):
    with pytest.raises(SweepError, match=message):
        make(optuna.create_study())


def told(result):
    """No number for some."""
    return "n/a" if result.metrics["trades"] == 0 else 1.0


def test_an_objective_that_turns_out_to_be_no_number_leaves_no_trial_running():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    space = from_optuna(study, 6, fall=[0.001, 0.9], objectives="m", at_a_time=6)
    with pytest.raises(SweepError, match="the objective m must be a number, was 'n/a'"):
        sweep(dips, space, market(), measures={"m": told}, workers=1)
    states = [trial.state.name for trial in study.trials]
    assert len(states) == 6
    assert set(states) == {"COMPLETE", "FAIL"}


def test_distributions_of_optuna_are_taken_as_they_are():
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    steps = optuna.distributions.FloatDistribution(0.01, 0.05, step=0.01)
    result = sweep(TEMPLATE, from_optuna(study, 8, stop=steps, target=[0.1]), market(), workers=1)
    assert set(result.table["stop"].round(9)) <= {0.01, 0.02, 0.03, 0.04, 0.05}
    assert grid(stop=[0.1]).objective(["trades"]) == "trades"
