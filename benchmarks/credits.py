"""Print the credits of the photographs in the figures of `visae reproduce polysemantic` as a Markdown table.

    python benchmarks/credits.py runs/missing/polysemantic.json mixed3a --manifest images/manifest.csv

The manifest has one row per photograph: file, author, licence, origin_url.
"""

import argparse
import csv
import json
from pathlib import Path

from visae._support.tables import markdown
from visae.plots._neuron_decomposition import CROPS_SHOWN, FEATURES_SHOWN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("layer")
    parser.add_argument("--manifest", type=Path, required=True)
    options = parser.parse_args()
    with options.manifest.open() as file:
        known = {row["file"]: row for row in csv.DictReader(file)}
    rows = [["neuron", "feature", "photograph", "author", "licence", "origin"]]
    for case in json.loads(options.report.read_text())["layers"][options.layer]["cases"]:
        for part in case["parts"][:FEATURES_SHOWN]:
            for key in part["examples"][:CROPS_SHOWN]:
                photo = next(row for file, row in known.items() if key.endswith(file))
                author, origin = photo["author"] or photo["source"], photo["origin_url"] or photo["source_repo"]
                cells = [photo["file"], author, photo["licence"], origin]
                rows.append([f"{options.layer}:{case['neuron']}", str(part["feature"]), *cells])
    print(markdown([[cell.replace("|", "/") for cell in row] for row in rows]))


if __name__ == "__main__":
    main()
