"""What YAML and JSON become, and variables of the environment in them."""

import pytest

from ml4t.backtest.runfile.errors import RunFileError
from ml4t.backtest.runfile.text import read_file, write_file


def read(tmp_path, text, name="run.yaml"):
    (tmp_path / name).write_text(text)
    return read_file(tmp_path / name).content


def test_yaml_has_the_types_of_json(tmp_path):
    text = (
        "a: 1e-3\nb: 2014-01-31\nc: 16:00 America/New_York\nd: [1, 2.5, true, null]\n"
        "e: [NO, on, yes, 16:30, =]\n"
    )
    assert read(tmp_path, text) == {
        "a": 0.001,
        "b": "2014-01-31",
        "c": "16:00 America/New_York",
        "d": [1, 2.5, True, None],
        "e": ["NO", "on", "yes", "16:30", "="],
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run.yaml", "a:\n  b: [1,\n    2]\n"),
        ("run.json", '{"a":\n {"b": [1,\n\t 2]}}'),
    ],
)
def test_every_value_has_its_line(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    place = read_file(tmp_path / name).place
    assert [place(("a",)), place(("a", "b", 1))] == [f"{name}:1", f"{name}:3"]
    assert place(("a", "b", 7)) == f"{name}:2"  # what is not there: where it would be
    assert place(()) == name


@pytest.mark.parametrize(
    "name", ["run.yaml", "run.yml", "run.json"]
)  # fmt: skip
def test_what_is_written_is_read_again(tmp_path, name):
    content = {"a": {"b": [1, 0.1, "1e-3", "2014", "no", None, True, "2014-01-31", "€"]}}
    write_file(tmp_path / name, content)
    assert read_file(tmp_path / name).content == content


def test_variables_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PLACE", "somewhere: else")
    monkeypatch.setenv("CASH", "5000")
    read_back = read(tmp_path, "a: ${PLACE}\nb: ['x/${PLACE}/${CASH}']\nc: ${CASH}\n")
    assert read_back == {"a": "somewhere: else", "b": ["x/somewhere: else/5000"], "c": 5000}


def test_a_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("RESULT_FOLDER", "x")
    monkeypatch.delenv("RESULTS_FOLDER", raising=False)
    with pytest.raises(RunFileError) as error:
        read(tmp_path, "output:\n  folder: [a, '${RESULTS_FOLDER}/x']\n")
    assert str(error.value) == (
        "run.yaml:2: output.folder[1]: the environment variable 'RESULTS_FOLDER' is not set; did you mean 'RESULT_FOLDER'?"
    )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("run.yaml", "a: 1\nb: 2\na: 3\n", "run.yaml:3: a is given twice in one section"),
        ("run.yaml", "a: {b: 1, b: 2}", "run.yaml:1: b is given twice in one section"),
        ("run.json", '{"a": {"b": 1, "b": 2}}', "run.json: b is given twice in one section"),
        ("run.yaml", "a: 0\n1: a\n", "run.yaml:2: 1 stands where a name must; put it in quotes"),
        ("run.yaml", "? [a]\n: 1", "run.yaml:1: a list stands where a name must"),
        ("run.yaml", "b: 1\na: [1\n\n", "run.yaml:4: expected ',' or ']', but got '<stream end>' (while parsing a flow sequence that begins in line 2)"),
        ("run.yaml", "a: 1\nb: c: d\n", "run.yaml:2: mapping values are not allowed here"),
        ("run.yaml", "a: \x07", "run.yaml: unacceptable character"),
        ("run.yaml", "a: &x [*x]", "run.yaml: something in it holds itself"),
        ("run.json", '{"b": 1,\n a: 1}', "run.json:2: Expecting property name enclosed in double quotes, column 2"),
        ("run.yaml", "a: !!float account\n", "run.yaml: a value is not what its tag says"),
        ("run.yaml", "a: !!bool maybe\n", "run.yaml: a value is not what its tag says"),
        ("run.yaml", "[" * 5_000, "run.yaml: there are too many brackets in brackets"),
        ("run.json", "[" * 100_000, "run.json: there are too many brackets in brackets"),
        ("run.yaml", "- a\n", "run.yaml must hold the sections of a run, was ['a']"),
        ("run.yaml", "", "run.yaml must hold the sections of a run, was None"),
        ("run.toml", "a = 1\n", "a run file ends in .yaml, .yml, .json, was run.toml"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(tmp_path, name, text, message):
    with pytest.raises(RunFileError) as error:
        read(tmp_path, text, name)
    assert str(error.value).startswith(message)


def test_a_tag_that_would_run_code_is_refused(tmp_path):
    with pytest.raises(RunFileError, match=r"run\.yaml:1: could not determine a constructor"):
        read(tmp_path, f"a: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    assert not (tmp_path / "made").exists()


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "run.yaml").write_bytes(b"a: \xff\n")
    with pytest.raises(RunFileError, match=r"run\.yaml cannot be read: .*utf-8"):
        read_file(tmp_path / "run.yaml")


@pytest.mark.parametrize("name", ["x" * 400 + ".yaml", "folder.yaml"])
def test_what_the_system_cannot_read_is_said_with_the_path(tmp_path, name):
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(RunFileError, match=f"(there is no file|{name} cannot be read)"):
        read_file(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RunFileError, match=r"there is no file .*run.yaml"):
        read_file(tmp_path / "run.yaml")
