"""The report as a table for the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def table(report: Mapping[str, Any]) -> str:
    """A report of `visae.run.run` in aligned lines."""
    sae, found, seconds = report["sae"], report["curves"], report["seconds"]
    lines = [
        ("network", f"{report['network']}, {report['layer']}"),
        ("images", f"{report['images_read']:,} read, {report['images_skipped']:,} skipped"),
        ("rows", f"{report['rows']:,}"),
        ("dictionary", f"{sae['kind']}, {sae['width']:,} features, {sae['l0']:.1f} fire at a position (L0)"),
        ("explained variance", f"{sae['explained_variance']:.4f} on {measured_on(report['images_held_out'])}"),
        ("dead features", f"{sae['dead_fraction']:.1%}"),
    ]
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
    for kind in ("neurons", "features"):
        gap = f"largest gap {found[kind]['max_gap_deg']:.1f} degrees"
        lines.append((f"curve detectors, {kind}", f"{found[kind]['count']}, {gap}"))
    lines.append(("seconds", ", ".join(f"{step} {value:.1f}" for step, value in seconds.items())))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}}  {value}" for label, value in lines)


_COLUMNS = {
    "l0": ("L0", "{:.2f}"),
    "explained_variance": ("EV", "{:.4f}"),
    "normalised_mse": ("NMSE", "{:.4f}"),
    "cosine": ("cosine", "{:.4f}"),
    "gamma": ("gamma", "{:.3f}"),
    "dead_fraction": ("dead", "{:.1%}"),
    "stability": ("stability", "{:.3f}"),
    "matched_fraction": ("matched", "{:.1%}"),
    "mean_cosine": ("mean cos.", "{:.3f}"),
    "mean_f1": ("F1", "{:.3f}"),
    "loss_recovered_zero": ("loss rec.", "{:.4f}"),
    "kl_recovered_zero": ("KL rec.", "{:.4f}"),
}


def figures_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """What `visae.evaluation.evaluate` found, a Markdown row for each dictionary, in the order of kinds and L0."""
    columns = {name: head for name, head in _COLUMNS.items() if any(name in figures for figures in found.values())}
    rows = [["dictionary", *(head for head, _ in columns.values())]]
    for name, figures in sorted(found.items(), key=lambda item: (item[1]["kind"], item[1]["l0"])):
        cells = [_cell(figures.get(column), form) for column, (_, form) in columns.items()]
        rows.append([f"{name or figures['kind']}{' (stopped)' * ('stopped' in figures)}", *cells])
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first the heading, as an aligned Markdown table."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def few(numbers: Sequence[int], most: int = 8) -> str:
    """Some numbers in words, and how many more there are."""
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(str(number) for number in numbers[:most]) + more


def measured_on(held_out: int) -> str:
    """What an SAE's figures were measured on, in words."""
    return f"{held_out:,} held-out images" if held_out else "the images trained on (none were held out)"


def show_figures(found: Mapping[str, Mapping[str, Any]], out: Path) -> None:
    """Print the table, and where the figures and the plot are."""
    print(figures_table(found))
    print(f"figures: {out / 'evaluation.json'}")
    if len(found) > 1:
        print(f"plot:    {out / 'frontier.png'}")


def show(report: Mapping[str, Any]) -> None:
    """Print the table."""
    print(f"\n{table(report)}\n", flush=True)


def show_places(out: Path, atlas: Path | None = None) -> None:
    """Print where a run's report, its plot and its atlas are."""
    print(f"report: {out / 'report.json'}")
    print(f"plot:   {out / 'curves' / 'curves.png'}")
    if atlas is not None:
        print(f"atlas:  {atlas}")
