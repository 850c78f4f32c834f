"""Print the oldest versions pyproject.toml supports, one pin a line.

Test tools are taken as they come: what has to work with old versions is the package.
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
extras = project["optional-dependencies"]
runtime = [*project["dependencies"]]
for extra in ("plot", "plotly", "polars", "fast", "calendars", "talib", "metrics", "sweep"):
    runtime += extras[extra]
for requirement in runtime:
    print(re.sub(r">=([\w.]+)", r"==\1", requirement))
for requirement in extras["test"]:
    print(requirement)
