"""The colours of lines that stand for populations or parts; a dash of its own for each, too."""

from visae.plots._style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

LOOKS = (
    (BLUE, "-"),
    (VERMILION, "-"),
    (GREEN, "--"),
    (PURPLE, "-."),
    (SKY, ":"),
    (ORANGE, "--"),
    ("#000000", ":"),
)
