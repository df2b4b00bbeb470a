"""Curve detectors among a dictionary's features: a dataset example, a feature visualisation and the tuning of each.

    python benchmarks/gallery.py runs/mixed3b_5x5/dictionary --weights DIR --images list.txt --out features.jpg

Eight of them, evenly spaced in the order of preferred orientation. Prints the photographs, for attribution.
"""

import argparse
from pathlib import Path

import visae
from visae.examples import strongest
from visae.featurevis import Optimisation, render
from visae.featurevis.objectives import unit
from visae.images import open_images, pick_evenly
from visae.plots import GalleryUnit, crop_strongest, plot_gallery
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
    parser.add_argument("--out", type=Path, default=Path("docs/results/features.jpg"))
    options = parser.parse_args()
    sae, images = load(options.dictionary), open_images(options.images)
    network = visae.network(sae.about["network"], options.weights, "cpu")
    units = features(network, sae.about["layer"], sae)
    tuned = curves(units)
    detectors = [feature for feature in tuned.preferred.argsort().tolist() if tuned.detectors[feature]]
    chosen = pick_evenly(detectors, options.count)
    # Far enough from the border that receptive fields lie inside the image.
    examples = strongest([units], images, 1, margin=(units.layer.receptive_field - 1) / 2)[0]
    pictures = render(network, unit(units, chosen), optimisation=Optimisation(options.steps)).pictures
    gallery = [
        GalleryUnit(str(feature), crop_strongest(examples, feature, images), picture, tuned.tuning[feature].numpy())
        for feature, picture in zip(chosen, pictures, strict=True)
    ]
    title = (
        f"Features of {network.name} {units.layer.name}: {len(chosen)} of {tuned.count} curve detectors, "
        "by preferred orientation"
    )
    plot_gallery(gallery, title, options.out)
    for feature in chosen:
        print(feature, *[images.key(image) for image, _, _ in examples.positions(feature)])


if __name__ == "__main__":
    main()
