"""Curve detectors among the features of a dictionary: of each a dataset example, its picture, and its tuning.

    python benchmarks/gallery.py runs/mixed3b_5x5/dictionary --weights DIR --images list.txt --out features.png

Eight of them, evenly by preferred orientation. Prints the photographs shown, whose owners are to be named.
"""

import argparse
from pathlib import Path

import visae
from visae.examples import strongest
from visae.featurevis import Optimisation, render
from visae.featurevis.objectives import unit
from visae.images import open_images
from visae.papers.missing_curves._populations import spread
from visae.plots._gallery import Exhibit, best_example, draw_gallery
from visae.sae import load
from visae.tuning import curves
from visae.units import features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("--images", required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--steps", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/features.png"))
    options = parser.parse_args()
    sae, images = load(options.dictionary), open_images(options.images)
    network = visae.network(sae.about["network"], options.weights, "cpu")
    of = features(network, sae.about["layer"], sae)
    found = curves(of)
    order = [number for number in found.preferred.argsort().tolist() if found.detectors[number]]
    chosen = spread(order, options.count)
    # So far from the border that nothing beyond the image is seen.
    examples = strongest([of], images, 1, margin=(of.layer.receptive_field - 1) / 2)[0]
    drawn = render(network, unit(of, chosen), optimisation=Optimisation(options.steps)).pictures
    exhibits = [
        Exhibit(str(number), best_example(examples, number, images), picture, found.tuning[number].numpy())
        for number, picture in zip(chosen, drawn, strict=True)
    ]
    title = (
        f"Features of {network.name} {of.layer.name}: {len(chosen)} of {found.count} curve detectors, by orientation"
    )
    draw_gallery(title, exhibits, options.out)
    for number in chosen:
        print(number, *[images.key(image) for image, _, _ in examples.of(number)])


if __name__ == "__main__":
    main()
