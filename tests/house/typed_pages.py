"""The code of README, guides and examples, as an editor sees it: mypy and pyright find nothing in it.

A page becomes one module with its own line numbers; a module that it compiles is taken for anything. What
they have to find stands in ``misspelled.py``.

Run by ``make types``: ``cd tests && python -m house.typed_pages``.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docs.blocks import COMPILE, RUN, blocks
from house.tree import ROOT

ANYTHING = "from typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n"


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def module_of(page: Path) -> str:
    return re.sub(r"\W", "_", page.relative_to(ROOT).with_suffix("").as_posix()) + "_page"


def write_page(page: Path, folder: Path) -> None:
    """Write the blocks of a page as a module, each line where it stands on the page."""
    lines: list[str] = []
    for block in blocks(page):
        if block.info == COMPILE:
            name = block.text.splitlines()[0].removeprefix("# ").removesuffix(".pyx")
            (folder / f"{name}.pyi").write_text(ANYTHING, encoding="utf-8")
        elif block.info == RUN:
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    if lines:
        text = "\n".join(lines) + "\n"
        (folder / f"{module_of(page)}.py").write_text(text, encoding="utf-8")


def write_all(folder: Path) -> None:
    for page in pages():
        write_page(page, folder)
    shutil.copy(Path(__file__).with_name("misspelled.py"), folder)
    for example in sorted((ROOT / "examples").glob("*.py")):
        # Under a name of its own: a page may have a module of the same name.
        text = example.read_text(encoding="utf-8")
        (folder / f"{example.stem}_example.py").write_text(text, encoding="utf-8")


def mypy(folder: Path) -> int:
    """Functions of users may go without annotations; all else is as strict as in the package."""
    config = ("--config-file", str(ROOT / "pyproject.toml"))
    files = map(str, sorted(folder.glob("*.py")))
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    command = [sys.executable, "-m", "mypy", *config, *files]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def pyright(folder: Path) -> int:
    settings = {
        "extraPaths": [str(ROOT)],
        "typeCheckingMode": "standard",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "reportMissingModuleSource": "none",
    }
    config = folder / "pyrightconfig.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    command = ("-m", "pyright", "-p", str(config), "--pythonpath", sys.executable)
    return subprocess.run([sys.executable, *command], cwd=ROOT).returncode


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_all(folder)
        return mypy(folder) | pyright(folder)


if __name__ == "__main__":
    sys.exit(main())
