"""Every Python block of README.md and of the pages in docs/ runs, and prints what the page says."""

import re
from pathlib import Path

import pytest
from docs.blocks import RUN, DocumentError, blocks, run

from ml4t.backtest import Strategy
from ml4t.backtest.data.validation.findings import CHECKS
from ml4t.backtest.strategy.names import SIGNATURES, owned_names

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [path for path in (ROOT / "README.md", *GUIDES) if path.exists()]
# Extras that the environment of oldest versions goes without.
NEEDED = {"scaling.md": "distributed"}
WITH_CODE = [path for path in PAGES if any(block.info == RUN for block in blocks(path))]


def test_there_are_pages_with_code():
    assert ROOT / "docs" / "risk.md" in WITH_CODE


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    if page.name in NEEDED:
        pytest.importorskip(NEEDED[page.name])
    monkeypatch.chdir(tmp_path)  # what a page writes stays out of the checkout
    monkeypatch.syspath_prepend(tmp_path)  # what it compiles can be imported
    monkeypatch.setenv("MPLBACKEND", "Agg")
    assert run(page) > 0


def test_the_page_on_data_has_every_check_of_validation_and_its_severity():
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| (error|warning) \|", page, re.MULTILINE) == [*CHECKS.items()]


def test_the_page_on_strategies_has_every_callback_and_every_name_that_is_taken():
    page = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    told, names = page.split("## Names")[0], page.split("These belong to")[1].split("##")[0]
    assert re.findall(r"^\| `(\w+\(.*?\))` \|", told, re.MULTILINE) == [*SIGNATURES.values()]
    assert sorted(re.findall(r"`(\w+)`", names.split("|", 1)[1])) == [*owned_names(Strategy)]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_readme_links_every_page(page):
    assert f"]({page.relative_to(ROOT).as_posix()})" in (ROOT / "README.md").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs/coming-from").glob("*.md")), ids=lambda page: page.name
)
def test_a_newcomer_needs_ten_lines_beside_imports(page):
    first = next(block for block in blocks(page) if block.info == RUN)
    lines = [line for line in first.text.splitlines() if line and not line.startswith("from ")]
    assert len(lines) <= 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_to_a_file(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def written(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_blocks_share_a_namespace_and_output_is_compared(tmp_path):
    page = written(
        tmp_path,
        "```python\nx = 2\nprint(x)\n```\nwords\n```python\nprint(x + 1, 'of many')\n```\n"
        "```text output\n2\n3 of ...\n```\n```text\nnot compared\n```\n",
    )
    assert run(page) == 2


def test_another_output_is_found(tmp_path):
    page = written(tmp_path, "```python\nprint(1)\n```\n```text output\n2\n```\n")
    with pytest.raises(DocumentError, match=r"page.md:5: printed something else"):
        run(page)


def test_missing_output_is_found(tmp_path):
    page = written(tmp_path, "```python\nx = 1\n```\n```text output\n1\n```\n")
    with pytest.raises(DocumentError, match="printed something else"):
        run(page)


def test_an_error_points_into_the_page(tmp_path):
    page = written(tmp_path, "words\n\n```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as error:
        run(page)
    last = error.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == ("page.md", 4)


def test_a_module_is_compiled_as_the_file_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    page = written(
        tmp_path,
        "```cython\n# twice_of.pyx\ndef twice(double x):\n    return 2 * x\n```\n"
        "```python\nfrom twice_of import twice\nprint(twice(4))\n```\n```text output\n8.0\n```\n",
    )
    assert run(page) == 1


def test_a_module_that_does_not_compile_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = written(tmp_path, "```cython\n# broken_rule.pyx\ncdef double x = nothing\n```\n")
    with pytest.raises(DocumentError, match=r"(?s)page.md:2: does not compile.*nothing"):
        run(page)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```cython\nx = 1\n```\n", "page.md:2: the first line must be"),
        ("```py\nprint(1)\n```\n", "page.md:1: block of kind 'py'"),
        ("words\n```python\nprint(1)\n", "page.md:2: the block is not closed"),
        ("```text output\n1\n```\n", "page.md:2: an output without code above it"),
    ],
)
def test_a_block_that_would_escape_is_refused(tmp_path, text, message):
    with pytest.raises(DocumentError, match=message):
        run(written(tmp_path, text))
