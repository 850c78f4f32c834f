"""Check what the archives in a folder hold: the sdist its sources, the wheel what runs."""

import sys
import tarfile
import zipfile
from pathlib import Path

dist = Path(sys.argv[1])
(sdist,) = dist.glob("*.tar.gz")
(wheel,) = dist.glob("*.whl")

tree = {
    path.as_posix()
    for path in Path("ml4t").rglob("*")
    if path.suffix in (".py", ".pyx", ".pxd", ".pyi", ".css", ".js")
    and "__pycache__" not in path.parts
}
with tarfile.open(sdist) as file:
    in_sdist = {name.partition("/")[2] for name in file.getnames()}
with zipfile.ZipFile(wheel) as file:
    in_wheel = set(file.namelist())

missing = tree - in_sdist
assert not missing, f"{sdist.name} lacks {sorted(missing)}"
assert not {name for name in in_sdist if name.endswith((".c", ".so"))}, sdist.name

missing = {name for name in tree if not name.endswith(".pyx")} - in_wheel
assert not missing, f"{wheel.name} lacks {sorted(missing)}"
modules = {name.split(".")[0] for name in in_wheel if name.endswith((".so", ".pyd"))}
uncompiled = {name.removesuffix(".pyx") for name in tree if name.endswith(".pyx")} - modules
assert not uncompiled, f"{wheel.name} has no compiled {sorted(uncompiled)}"
assert not {name for name in in_wheel if name.endswith((".c", ".pyx", ".html"))}, wheel.name
assert "ml4t/__init__.py" not in in_wheel, "ml4t is a shared namespace"
for path in (sdist, wheel):
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, as it should be")
