"""The report as a table for the terminal."""

from collections.abc import Mapping
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


def measured_on(held_out: int) -> str:
    """What an SAE's figures were measured on, in words."""
    return f"{held_out:,} held-out images" if held_out else "the images trained on (none were held out)"


def show(report: Mapping[str, Any], out: Path) -> None:
    """Print the table, and where the report and the plot are."""
    print(f"\n{table(report)}\n")
    print(f"report: {out / 'report.json'}")
    print(f"plot:   {out / 'curves' / 'curves.png'}")
