"""What all engines are told alike. Standard library only: the scripts of the peers import it as well."""

import json
import sys
from pathlib import Path


def steps(job, bar):
    """Yield what is done at the close of a bar: ``leave`` or ``enter``, and on which side."""
    side, both = -1 if job["side"] == "short" else 1, job["side"] == "both"
    if bar in job["exits"]:
        yield "leave", side
        if both:
            yield "enter", -1
    if bar in job["entries"]:
        if both:
            yield "leave", -1
        yield "enter", side


def prices(job, close, side):
    """Return the prices of an entry and its exits, None where there is none."""
    signs = {"limit": -1, "trigger": 1, "stop": -1, "target": 1, "trail": -1}
    return {
        name: None if job[name] is None else close * (1 + sign * side * job[name])
        for name, sign in signs.items()
    }


def changes(job, targets, held):
    """Return what a rebalance orders, (asset, units) in the order in which it does, sales first or last."""
    units = {asset: targets[asset] - held[asset] for asset in targets}
    ordered = sorted(units, key=units.get, reverse=job["buys_first"])
    return [(asset, units[asset]) for asset in ordered if units[asset]]


def first_round_trip(fills):
    """Take a round trip off a list of fills (bar, units, price, ...): those that bring the units to zero."""
    taken = [fills.pop(0)]
    while sum(fill[1] for fill in taken):
        taken.append(fills.pop(0))
    return taken


def trade(asset, fills, net_pnl):
    """Return a round trip as a row of answers; its prices are averages of its fills."""
    side = 1 if fills[0][1] > 0 else -1
    entered, left = ([fill for fill in fills if fill[1] * sign > 0] for sign in (side, -side))
    units = sum(abs(fill[1]) for fill in entered)
    averages = (sum(abs(fill[1]) * fill[2] for fill in part) / units for part in (entered, left))
    bars = (entered[0][0], left[-1][0])
    return [asset, side_name(side), *bars, *averages, float(units), float(net_pnl)]


def side_name(sign):
    return "long" if sign > 0 else "short"


def main(version, play):
    """Play all jobs of a file; ``play`` is given one and its table, and returns trades and final equity."""
    jobs, answers = map(Path, sys.argv[1:])
    given = json.loads(jobs.read_text(encoding="utf-8"))
    played = {}
    for job in given["scenarios"]:
        trades, equity = play(job, given["tables"][job["data"]])
        played[job["name"]] = {"trades": trades, "final_equity": float(equity)}
    answers.write_text(json.dumps({"version": version, "played": played}), encoding="utf-8")
