"""``make parity``: install every peer, ask it anew, write its answers, and hold ours to them."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from conformance.ours import differs
from conformance.questions import questions, write_answers
from parity.answers import first_difference, path_of, read, text
from parity.engines import PEERS, Peer
from parity.ours import play
from parity.tables import table

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "parity"
SCRIPTS = Path(__file__).parent / "peers"


def environment(peer: Peer) -> Path:
    """Return the Python of a peer's own environment, made and filled where it is not there yet."""
    folder = WORK / peer.name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = folder / "installed.txt"
    wanted = "\n".join(peer.requirements)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"Installing {', '.join(peer.requirements)} ...", flush=True)
        called(peer, sys.executable, "-m", "venv", "--clear", folder)
        called(peer, python, "-m", "pip", "install", "-q", *peer.requirements)
        stamp.write_text(wanted, encoding="utf-8")
    return python


def called(peer: Peer, *command: str | Path) -> None:
    """Run a command in which nothing of ours can be imported; stop everything where it fails."""
    apart = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent / "shared")}
    if code := subprocess.run(command, env=apart).returncode:
        sys.exit(f"{peer.name} did not answer: {' '.join(map(str, command))} ended with {code}")


def ask(peer: Peer) -> dict[str, Any]:
    """Play all scenarios of a peer, and put the ten bars to it, in a process of its own."""
    python = environment(peer)
    jobs, answers = WORK / f"{peer.name}.jobs.json", WORK / f"{peer.name}.answers.json"
    asked = (*peer.scenarios, *peer.quirks)
    ten_bars = [question for question in questions() if question.can_be_asked(peer.name)]
    tables = {scenario.data: table(scenario.data) for scenario in asked}
    tables |= {str(question): question.table() for question in ten_bars}
    given = {
        "tables": {name: one.as_json() for name, one in tables.items()},
        "scenarios": [one.job() for one in (*asked, *ten_bars)],
    }
    jobs.write_text(json.dumps(given), encoding="utf-8")
    # -P: a script that is called as the library it imports would find itself.
    called(peer, python, "-P", "-W", "ignore", SCRIPTS / peer.script, jobs, answers)
    return json.loads(answers.read_text(encoding="utf-8"))


def record(peer: Peer) -> None:
    """Write down what a peer answers."""
    told = ask(peer)
    played = {
        scenario.name: {**told["played"][scenario.name], "inputs": scenario.fingerprint()}
        for scenario in (*peer.scenarios, *peer.quirks)
    }
    path_of(peer.name).write_text(text(told["version"], played), encoding="utf-8")
    write_answers(peer.name, told["version"], told["played"])


def differences(peer: Peer) -> list[str]:
    """Return where ours answers otherwise, and which quirk is one no more."""
    recorded = read(peer.name)
    found = []
    for scenario in peer.scenarios:
        theirs = recorded.answers[scenario.name]
        print(f"{peer.name} {scenario.name}: {len(theirs.trades)} trades", flush=True)
        if parted := first_difference(play(scenario, peer.name), theirs):
            found.append(f"{peer.name} {scenario.name} differs, ours and theirs:\n{parted}")
    for scenario in peer.quirks:
        if not first_difference(play(scenario, peer.name), recorded.answers[scenario.name]):
            found.append(f"{peer.name} {scenario.name} is no quirk, both answer alike")
    return found + [said for question in questions() if (said := differs(question, peer.name))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peers", nargs="*", help="names of peers; all of them by default")
    asked = parser.parse_args().peers
    WORK.mkdir(parents=True, exist_ok=True)
    found = []
    for peer in PEERS:
        if not asked or peer.name in asked:
            record(peer)
            found += differences(peer)
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
