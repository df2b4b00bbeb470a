import pytest
import torch
from PIL import Image

from visae._support.errors import VisaeError
from visae.images import Leaves, Photographs, open_images


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (30, 20)).save(folder / "x.png")
    return folder


@pytest.mark.parametrize("as_given", [str, lambda path: path, lambda path: f"{path}/"])
def test_folder(photos, as_given):
    images = open_images(as_given(photos), resize=40, crop=24)
    assert isinstance(images, Photographs)
    assert (images.name, images.size, images.key(0)) == (str(as_given(photos)), 24, "x.png")


@pytest.mark.parametrize("name", ["list.txt", "list.lst", "list"])
def test_list(photos, name):
    (photos.parent / name).write_text("photos/x.png\n")
    images = open_images(photos.parent / name)
    assert images.read(0)[0].shape == (3, 224, 224)


def test_leaves():
    images = open_images("leaves:12", crop=32, seed=3)
    assert isinstance(images, Leaves)
    assert (images.name, len(images), images.size) == ("leaves:12", 12, 32)
    assert torch.equal(images.read(4)[0], Leaves(12, 32, seed=3).read(4)[0])


def test_leaves_are_not_resized_so_any_crop_is_fine():
    assert open_images("leaves:1", resize=256, crop=300).size == 300


def test_images_come_back_as_they_are():
    images = Leaves(3)
    assert open_images(images) is images


@pytest.mark.parametrize(
    "what", ["leaves:", "leaves:abc", "leaves:0", "leaves:-3", "leaves:2.5", "leaves:²", "leaves: 7"]
)
def test_leaves_without_a_count(what):
    with pytest.raises(VisaeError, match=f"found '{what}', expected a count of at least 1"):
        open_images(what)


def test_one_image(photos):
    with pytest.raises(VisaeError, match=r"x\.png is a single image; give its folder"):
        open_images(photos / "x.png")


def test_nothing_there(tmp_path):
    with pytest.raises(VisaeError, match=r"found nothing at .*absent; expected a folder"):
        open_images(tmp_path / "absent")


@pytest.mark.parametrize(("resize", "crop"), [(100, 101), (256, 7)])
def test_impossible_geometry(photos, resize, crop):
    with pytest.raises(VisaeError, match=f"found crop {crop} and resize {resize}"):
        open_images(photos, resize, crop)


def test_leaves_too_small():
    with pytest.raises(VisaeError, match="leaves of 7 px"):
        open_images("leaves:3", crop=7)
