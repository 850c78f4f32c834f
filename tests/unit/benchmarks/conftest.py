"""Makes `benchmarks` importable where only the wheel is installed."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])

# At the end, so that an installed ml4t.backtest goes before the one of the source tree.
if ROOT not in sys.path:
    sys.path.append(ROOT)
