"""The colours of pictures: a colour means one thing in all of them."""

EQUITY = "#1f4e79"
HELD = "#9a9a9a"
DRAWDOWN = "#b03a2e"
PRICE = "#34495e"
UP = "#1e8449"
DOWN = "#c0392b"
EXIT = "#111111"
STOP = "#d35400"
TARGET = "#2874a6"
VOLUME = "#aab7b8"
COLUMNS = ("#8e44ad", "#b7950b", "#148f77", "#a04000", "#5d6d7e")
GRID = "#d9d9d9"
