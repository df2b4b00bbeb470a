import torch
from memory_images import MemoryImages, noise, units_over_pixels

from visae.examples import activation_maps


def test_maps_are_those_of_the_requested_units():
    pixels = noise(60)
    units = units_over_pixels(4, lambda maps: torch.cat([maps, maps.mean(1, keepdim=True)], 1))
    images = MemoryImages(pixels)
    requests = {image: [image % 4, (image * 7 + 1) % 4] for image in range(59, 0, -2)}
    by_image = {result.image: result for result in activation_maps(units, requests, images)}
    assert sorted(images.reads) == list(by_image) == sorted(requests)
    expected = units.maps(pixels.float() / 255)
    for image, result in by_image.items():
        assert torch.equal(result.pixels, pixels[image])
        assert result.maps.keys() == set(requests[image])
        for unit, unit_map in result.maps.items():
            assert torch.allclose(unit_map, expected[image, unit], atol=1e-6)


def test_unreadable_images_are_left_out():
    units = units_over_pixels(3, lambda maps: maps)
    images = MemoryImages(noise(5), unreadable=[2])
    assert [result.image for result in activation_maps(units, {1: [0], 2: [0], 4: [1]}, images)] == [1, 4]


def test_maps_are_computed_lazily():
    images = MemoryImages(noise(200))
    results = activation_maps(units_over_pixels(3, lambda maps: maps), {image: [0] for image in range(200)}, images)
    next(results)
    # One batch for the consumer and two that are prefetched, whatever the number of images.
    assert len(images.reads) <= 48
    results.close()
