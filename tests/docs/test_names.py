"""The page of names has what the types have."""

from docs.names import PAGE, TYPES, page, public


def test_the_page_is_what_the_types_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make names`"


def test_every_name_has_words():
    text = page()
    for kind, _ in TYPES.values():
        for name in public(kind):
            assert f"`{name}" in text
    assert "|  |\n" not in text.split("## A strategy")[1]
