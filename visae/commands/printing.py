"""What commands print: the report of a run, the metrics of dictionaries, and the paths of files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from visae._support.tables import markdown

# Column heading and format of each metric that is printed; `evaluation.json` has the others, too.
_COLUMNS = {
    "l0": ("L0", "{:.2f}"),
    "explained_variance": ("EV", "{:.4f}"),
    "pursuit_explained_variance": ("by pursuit", "{:.4f}"),
    "ev_over_neurons": ("over neurons", "{:+.4f}"),
    "bits": ("bits", "{:.1f}"),
    "helping_fraction": ("helping", "{:.1%}"),
    "frequent_fraction": ("> 1/1000", "{:.1%}"),
    "dead_fraction": ("dead", "{:.1%}"),
    "stability": ("stability", "{:.3f}"),
    "stability_by_chance": ("by chance", "{:.3f}"),
    "matched_fraction": ("matched", "{:.1%}"),
    "mean_f1": ("F1", "{:.3f}"),
    "loss_recovered_zero": ("loss rec.", "{:.4f}"),
    "kl_recovered_zero": ("KL rec.", "{:.4f}"),
}
# The same, of curve detectors: see `visae.nulls.Detectors`; `report.json` has the others, too.
_DETECTORS = {
    "count": ("curve detectors", "{:.0f}"),
    "max_gap_deg": ("largest gap", "{:.1f}"),
    "confirmed": ("confirmed", "{:.0f}"),
    "in_gaps": ("in gaps", "{:.0f}"),
    "confirmed_in_gaps": ("confirmed in gaps", "{:.0f}"),
    "explained_variance": ("EV", "{:.3f}"),
    "l0": ("L0", "{:.1f}"),
}

_CONFIRMED = (
    "confirmed: fires on held-out rows, helps, and has a cosine of 0.9 with a direction of another seed; gaps: 15 "
    "degrees or more\nfrom every curve neuron; null: mean (lowest..highest) over its seeds"
)


def run_table(report: Mapping[str, Any]) -> str:
    """The report of `visae.run.run` in aligned lines."""
    sae, seconds = report["sae"], report["seconds"]
    lines = [
        ("network", f"{report['network']}, {report['layer']}"),
        ("images", f"{report['images_read']:,} read, {report['images_skipped']:,} skipped"),
        ("rows", f"{report['rows']:,}"),
        ("dictionary", f"{sae['kind']}, {sae['width']:,} features, {sae['l0']:.1f} fire at a position (L0)"),
        ("explained variance", f"{sae['explained_variance']:.4f} on {measured_on(report['images_held_out'])}"),
        ("description length", _bits(sae)),
        ("features in effect", _features_in_effect(sae)),
    ]
    if sae.get("stability") is not None:
        by_chance = f"{sae['stability_by_chance']:.3f} by chance"
        lines.append(("stability", f"{sae['stability']:.3f} over two seeds, {by_chance}"))
    if "recovery" in report:
        truth = report["recovery"]
        lines += [
            (
                "planted features",
                f"{truth['matched_fraction']:.1%} found by the dictionary (one to one, cosine >= 0.9)",
            ),
            ("", f"{truth['neurons_matched_fraction']:.1%} found among the neurons"),
            ("", f"mean cosine {truth['mean_cosine']:.3f}"),
        ]
    lines.append(("seconds", ", ".join(f"{step} {value:.1f}" for step, value in seconds.items())))
    lines.append(("verdict", report["verdict"]))
    width = max(len(label) for label, _ in lines)
    return "\n".join([*(f"{label:<{width}}  {value}" for label, value in lines), "", _detectors(report)])


def _bits(sae: Mapping[str, Any]) -> str:
    from visae.metrics import DISTORTION

    neurons = f"the neurons take {sae['neurons_bits']:.1f}"
    return f"{sae['bits']:.1f} bits a row at an error of {DISTORTION:.0%}; {neurons}"


def _features_in_effect(sae: Mapping[str, Any]) -> str:
    """How many features do the work: their effective number, and how many help, fire often, and never fire."""
    count = "none fires" if sae["effective_features"] is None else f"{sae['effective_features']:.0f} (by entropy)"
    shares = {
        "help": "helping_fraction",
        "fire on > 1 of 1,000 rows": "frequent_fraction",
        "never fire": "dead_fraction",
    }
    return "; ".join([count, *(f"{sae[key]:.1%} {name}" for name, key in shares.items())])


def detectors_table(report: Mapping[str, Any]) -> str:
    """The curve detectors of a run: a row for the neurons, the dictionary, its second seed, and each null.

    A null's figures are means, with the lowest and the highest over its seeds in brackets. Confirmed are those that
    fire on held-out rows, help, and are found again under another seed.
    """
    rows = [["population", *(head for head, _ in _DETECTORS.values())]]
    for name, figures in report["curves"].items():
        rows.append([name, *(_cell(figures.get(column), form) for column, (_, form) in _DETECTORS.items())])
    for name, null in report["nulls"].items():
        cells = [_spread([seed[column] for seed in null["seeds"]], form) for column, (_, form) in _DETECTORS.items()]
        rows.append([f"null: {name}, {len(null['seeds'])} seeds", *cells])
    return markdown(rows)


def metrics_table(evaluated: Mapping[str, Mapping[str, Any]]) -> str:
    """The result of `visae.evaluate` as a Markdown table, a row per dictionary, sorted by kind and L0."""
    columns = {name: head for name, head in _COLUMNS.items() if any(name in metrics for metrics in evaluated.values())}
    rows = [["dictionary", *(head for head, _ in columns.values())]]
    for name, metrics in sorted(evaluated.items(), key=lambda item: (item[1]["kind"], item[1]["l0"])):
        cells = [_cell(metrics.get(column), form) for column, (_, form) in columns.items()]
        rows.append([f"{name or metrics['kind']}{' (stopped)' * ('stopped' in metrics)}", *cells])
    return markdown(rows)


def bits_line(evaluated: Mapping[str, Mapping[str, Any]]) -> str:
    """What `bits` are, which dictionary takes the fewest, and those of the neurons; empty for older evaluations."""
    from visae.metrics import DISTORTION

    known = {name: metrics for name, metrics in evaluated.items() if metrics.get("neurons_bits") is not None}
    if not known:
        return ""
    fewest = min(known, key=lambda name: known[name]["bits"])
    neurons = sorted({f"{metrics['neurons_bits']:.1f}" for metrics in known.values()})
    shortest = f"fewest: {fewest}, {known[fewest]['bits']:.1f}; " * (len(known) > 1)
    return (
        f"bits: a row, at an error of {DISTORTION:.0%} of the variance; {shortest}neurons take {' or '.join(neurons)}\n"
    )


def measured_on(held_out: int) -> str:
    """What an SAE's metrics were measured on, in words."""
    return f"{held_out:,} held-out images" if held_out else "the training images (none were held out)"


def show_metrics(evaluated: Mapping[str, Mapping[str, Any]], title: str, out: Path) -> None:
    """Print the metrics of dictionaries; draw the frontier if there are several, and print the paths of the files."""
    from visae.plots import plot_evaluation

    print(metrics_table(evaluated))
    print(bits_line(evaluated), end="")
    print(f"metrics: {out / 'evaluation.json'}")
    if len(evaluated) > 1:
        plot_evaluation(evaluated, title, out / "frontier.png")
        print(f"plot:    {out / 'frontier.png'}")


def show_run(report: Mapping[str, Any]) -> None:
    """Print the report of a run."""
    print(f"\n{run_table(report)}\n", flush=True)


def show_detectors(report: Mapping[str, Any]) -> None:
    """Print the curve detectors of a dictionary and its nulls, which headlines these match, and the verdict."""
    print(f"\n{_detectors(report)}\nverdict: {report['verdict']}\n", flush=True)


def show_paths(out: Path, atlas: Path | None = None) -> None:
    """Print the paths of a run's report, plot and atlas."""
    print(f"report: {out / 'report.json'}")
    print(f"plot:   {out / 'curves' / 'curves.png'}")
    if atlas is not None:
        print(f"atlas:  {atlas}")


def _detectors(report: Mapping[str, Any]) -> str:
    return "\n".join([detectors_table(report), _CONFIRMED, "", *report["headlines"]]).rstrip()


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _spread(values: Sequence[float | None], form: str) -> str:
    from visae.nulls import spread_text

    return spread_text(values, form[2:-1])
