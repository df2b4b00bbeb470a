"""Is it a good dictionary? Dictionaries of one layer beside its neurons and beside nulls, on images held out.

    OMP_NUM_THREADS=2 python benchmarks/good_dictionary.py --images photos/ --out runs/good
    OMP_NUM_THREADS=2 python benchmarks/good_dictionary.py --images photos/ --layer mixed3a --width 1024 --k 4 8 16 \
        --out runs/good-mixed3a

The first trains every dictionary of good_dictionary.toml in one pass, TopK stopped early beside them, sweeps circles
over all, and prints a table; the second trains `mod` at each L0, and compares it with the neurons and with rows of the
data as directions. Both reuse what an earlier call finished. Figures are of held-out images or, with --others, of the
images in another folder, none of which is in --images.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import machine

import visae
from visae._support.tables import markdown
from visae.activations import Positions, Rows, capture_layers
from visae.evaluation import earlier_evaluation, evaluate
from visae.images import open_images
from visae.metrics import neurons_curve
from visae.sae import MOD, SAE, FixedDirections, TopK
from visae.training import SAESpec, TrainingConfig, read_sweep, train_many
from visae.tuning import Curves, battery

SWEEP = Path(__file__).with_name("good_dictionary.toml")
# Shares of the rows after which TopK is stopped: a null, since the worse a dictionary is trained the more curve
# detectors it seems to have.
EARLY = {"1/64": 1 / 64, "1/8": 1 / 8}


def compare_kinds(network: visae.Network, rows: Rows, judged: Rows, width: int, out: Path) -> None:
    """Print the table of all kinds and nulls."""
    specs, training = read_sweep(SWEEP)
    specs = {name: replace(spec, config=_widened(spec.config, width)) for name, spec in specs.items()}
    saes = dict(train_many(rows, specs, out / "sweep", training, network.device))
    for share, part in EARLY.items():
        name = f"topk-stopped-at-{share.replace('/', '-')}"
        early = replace(training, rows_seen=round(part * training.rows_seen))
        saes |= train_many(rows, {name: SAESpec(TopK(width=width, k=8))}, out / "early", early, network.device)
    metrics = earlier_evaluation(saes, judged, out) or evaluate(saes, visae.HeldOut(judged), out)
    print(_table(metrics, _curves(network, rows.settings["layer"], saes)))


def compare_neurons(
    network: visae.Network, rows: Rows, judged: Rows, width: int, ks: list[int], rows_seen: int, out: Path
) -> None:
    """Print what mod explains at each L0, beside the neurons and rows of the data."""
    specs: dict[str, SAESpec] = {}
    for k in ks:
        specs[f"mod-k{k}"] = SAESpec(MOD(width=width, k=k))
        specs[f"rows-k{k}"] = SAESpec(FixedDirections(width=width, k=k))
    out, held_out = out / f"mod-{width}", visae.HeldOut(judged)
    saes = train_many(rows, specs, out, TrainingConfig(rows_seen=rows_seen), network.device)
    metrics = earlier_evaluation(saes, judged, out) or evaluate(saes, held_out, out)
    curve = neurons_curve(held_out.rows_for(next(iter(saes.values()))))
    heads = [
        "L0 asked",
        "L0",
        "neurons",
        "rows as directions (L0)",
        "mod",
        "needed",
        "> 1/1000",
        "bits",
        "neurons' bits",
    ]
    table = [heads]
    for k in ks:
        mod, fixed = metrics[f"mod-k{k}"], metrics[f"rows-k{k}"]
        neurons, own = f"{curve.on_average(mod['l0']):.3f}", f"{mod['explained_variance']:.3f}"
        explained = [neurons, f"{fixed['explained_variance']:.3f} ({fixed['l0']:.2f})", own]
        shares = [f"{mod[name]:.1%}" for name in ("needed_fraction", "frequent_fraction")]
        bits = [f"{mod[name]:.1f}" for name in ("bits", "neurons_bits")]
        table.append([str(k), f"{mod['l0']:.2f}", *explained, *shares, *bits])
    print(markdown(table))


def _widened(config: Any, width: int) -> Any:
    return replace(config, width=width) if config.width else config


def _curves(network: visae.Network, layer: str, saes: Mapping[str, SAE]) -> dict[str, Curves]:
    populations = {name: visae.features(network, layer, sae) for name, sae in saes.items()}
    swept = battery(list(populations.values()))
    return {name: Curves.from_battery(one) for name, one in zip(populations, swept, strict=True)}


def _table(metrics: Mapping[str, Mapping[str, Any]], swept: Mapping[str, Curves]) -> str:
    columns = {
        "l0": ("L0", "{:.2f}"),
        "explained_variance": ("EV", "{:.4f}"),
        "neurons_explained_variance": ("neurons, same L0", "{:.4f}"),
        "pursuit_explained_variance": ("by pursuit", "{:.4f}"),
        "helping_fraction": ("helping", "{:.0%}"),
        "frequent_fraction": ("> 1/1000", "{:.0%}"),
        "dead_fraction": ("dead", "{:.0%}"),
        "bits": ("bits", "{:.1f}"),
        "stability": ("stability", "{:.3f}"),
        "stability_of_helping": ("of helping", "{:.3f}"),
        "stability_beyond_neurons": ("beyond neurons", "{:.3f}"),
    }
    table = [["dictionary", *(head for head, _ in columns.values()), "curve detectors", "largest gap"]]
    for name, own in metrics.items():
        cells = ["" if own.get(key) is None else form.format(own[key]) for key, (_, form) in columns.items()]
        table.append([name, *cells, str(swept[name].count), f"{swept[name].max_gap:.1f}"])
    first = next(iter(metrics.values()))
    by_chance = max((own.get("stability_by_chance") or 0) for own in metrics.values())
    return (
        f"{markdown(table)}\n\nBits of the neurons: {first['neurons_bits']:.1f}. Stability by chance: {by_chance:.3f}."
    )


def main() -> None:
    """Capture, train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="inceptionv1-caffe")
    parser.add_argument("--layer", default="mixed3b_5x5")
    parser.add_argument("--images", required=True)
    parser.add_argument("--others", help="images on which to measure, instead of held-out ones")
    parser.add_argument("--positions", type=int, default=64)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--k", type=int, nargs="*", default=[], help="compare mod with the neurons at these only")
    parser.add_argument("--rows-seen", type=int, default=2_000_000)
    parser.add_argument("--device")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    network = visae.network(given.network, device=given.device)
    stores = {"rows": given.images} | ({"others": given.others} if given.others else {})
    positions = Positions(count=given.positions)
    rows, *others = (
        capture_layers(network, {given.layer: given.out / name}, open_images(images), positions)[given.layer]
        for name, images in stores.items()
    )
    judged = others[0] if others else rows
    print(f"{given.network}, {given.layer}: {len(rows):,} rows, width {given.width}; {machine(network.device)}\n")
    if given.k:
        compare_neurons(network, rows, judged, given.width, given.k, given.rows_seen, given.out)
    else:
        compare_kinds(network, rows, judged, given.width, given.out)


if __name__ == "__main__":
    main()
