"""The quick setting itself, once: about a minute of one processor, so in a file of its own."""

from visae.papers.bag_of_words._reproduce import bag_of_words
from visae.papers.bag_of_words._setting import QUICK

# What is known not to be found, or to be found so narrowly that rounding may decide.
NOT_FOUND = {
    "order of the 12 on the ring exact: ReLU, decay 6, 2 latents",
    "order of the 12 on the ring exact: ReLU, decay 1, 6 latents",
    "circular: r of W^T W with the data's correlations, ReLU, 2 latents",
    "figure-eight: r of W^T W with the data's correlations, ReLU, 2 latents",
    "figure-eight: r of W^T W with the data's correlations, ReLU, 4 latents",
    "spherical: r of W^T W with the data's correlations, ReLU, 2 latents",
    "spherical: r of W^T W with the data's correlations, ReLU, 4 latents",
}
NARROW = {
    "order of the 12 on the ring exact: ReLU, decay 1, 4 latents",
    "circular: residual with a ReLU, no decay, 4 latents",
}


def test_what_is_known_to_be_found_is_found(tmp_path):
    report = bag_of_words(tmp_path, QUICK)
    whats = {verdict["what"] for verdict in report["verdicts"]}
    assert len(whats) == len(report["verdicts"]) == 36
    assert whats > NOT_FOUND | NARROW
    assert {verdict["what"] for verdict in report["verdicts"] if not verdict["met"]} <= NOT_FOUND | NARROW
