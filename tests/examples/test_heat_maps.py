import torch
from made_images import Made, made_units, noise

from visae.examples import heat_maps


def test_they_are_the_maps_of_the_wanted_units_over_the_wanted_images():
    pixels = noise(60)
    units = made_units(4, lambda maps: torch.cat([maps, maps.mean(1, keepdim=True)], 1))
    images = Made(pixels)
    wanted = {image: [image % 4, (image * 7 + 1) % 4] for image in range(59, 0, -2)}
    found = {heat.image: heat for heat in heat_maps(units, wanted, images)}
    assert sorted(images.reads) == list(found) == sorted(wanted)
    every = units.maps(pixels.float() / 255)
    for image, heat in found.items():
        assert torch.equal(heat.pixels, pixels[image])
        assert heat.maps.keys() == set(wanted[image])
        for unit, of in heat.maps.items():
            assert torch.allclose(of, every[image, unit], atol=1e-6)


def test_an_image_that_went_is_left_out():
    units = made_units(3, lambda maps: maps)
    images = Made(noise(5), unreadable=[2])
    assert [heat.image for heat in heat_maps(units, {1: [0], 2: [0], 4: [1]}, images)] == [1, 4]


def test_maps_are_made_as_they_are_asked_for():
    images = Made(noise(200))
    heats = heat_maps(made_units(3, lambda maps: maps), {image: [0] for image in range(200)}, images)
    next(heats)
    # One batch for the consumer and two that are read ahead, whatever the number of images.
    assert len(images.reads) <= 48
    heats.close()
