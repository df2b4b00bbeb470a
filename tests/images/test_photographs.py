import hashlib
import os

import numpy as np
import pytest
from PIL import Image

from visae._support.errors import VisaeError
from visae.images import Photographs, Unreadable


def save(path, colour="red", kind="PNG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 12), colour).save(path, kind)
    return path


def keys(photographs):
    return [photographs.key(index) for index in range(len(photographs))]


def test_a_folder_is_read_in_the_order_of_its_keys(tmp_path):
    for name in ["b.PNG", "a/z.jpg", "a.tiff", "a/b/c.webp", "C.JpEg", "d.tif", "e.bmp", "f.gif"]:
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    photographs = Photographs.from_folder(tmp_path)
    assert keys(photographs) == ["C.JpEg", "a.tiff", "a/b/c.webp", "a/z.jpg", "b.PNG", "d.tif", "e.bmp", "f.gif"]


def test_hidden_files_and_folders_are_excluded(tmp_path):
    for name in ["seen.png", ".hidden.png", "._seen.jpg", ".git/x.png", "a/.cache/y.png"]:
        save(tmp_path / name)
    assert keys(Photographs.from_folder(tmp_path)) == ["seen.png"]


def test_a_hidden_parent_folder_does_not_matter(tmp_path):
    save(tmp_path / ".data" / "x.png")
    assert keys(Photographs.from_folder(tmp_path / ".data")) == ["x.png"]


def test_links_to_folders_are_followed_once(tmp_path):
    save(tmp_path / "elsewhere" / "x.png")
    save(tmp_path / "photos" / "a" / "y.png")
    (tmp_path / "photos" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "a" / "circle").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "zcopy").symlink_to(tmp_path / "elsewhere")
    assert keys(Photographs.from_folder(tmp_path / "photos")) == ["a/y.png", "linked/x.png"]


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(VisaeError, match=r"found nothing at .*absent, expected a folder"):
        Photographs.from_folder(tmp_path / "absent")


def test_a_file_instead_of_a_folder_is_refused(tmp_path):
    with pytest.raises(VisaeError, match=r"found a file at .*x\.png, expected a folder"):
        Photographs.from_folder(save(tmp_path / "x.png"))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(VisaeError, match=r"no images in .*found no files at all; expected one of \.jpg"):
        Photographs.from_folder(tmp_path)


def test_a_folder_without_images_lists_its_suffixes(tmp_path):
    for name in ["a.txt", "b.TXT", "c.npy", "README", "d/e.txt"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    with pytest.raises(VisaeError, match=r"found 5 other files: \.txt \(3\), .*no suffix \(1\)"):
        Photographs.from_folder(tmp_path)


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path, monkeypatch):
    save(tmp_path / "x.png")
    (tmp_path / "locked").mkdir()
    scan = os.scandir

    def denying(path):
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", denying)
    with pytest.raises(VisaeError, match=r"cannot list .*locked: Permission denied"):
        Photographs.from_folder(tmp_path)


def test_a_list_is_relative_to_its_folder_and_keeps_its_order(tmp_path):
    save(tmp_path / "photos" / "a.png", "blue")
    save(tmp_path / "b.jpg")
    listing = tmp_path / "list.txt"
    listing.write_text("\ufeff# mine\n\n  photos/a.png  \nb.jpg\nphotos/a.png\n", encoding="utf-8")
    photographs = Photographs.from_list(listing)
    assert keys(photographs) == ["photos/a.png", "b.jpg", "photos/a.png"]
    assert photographs.read(0)[0][:, 0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "names no image in 0 lines"),
        (b"# one\n\n", "names no image in 2 lines"),
        (b"\xff\xfe\0\0\x81", "is not UTF-8 text"),
        (
            b"file,author\na.png,somebody\n",
            "none of the 2 lines .* existing file, the first is 'file,author'",
        ),
        (None, "cannot read the list .*: No such file or directory"),
    ],
)
def test_lists_without_images_are_refused(tmp_path, content, message):
    listing = tmp_path / "list.txt"
    if content is not None:
        listing.write_bytes(content)
    with pytest.raises(VisaeError, match=message):
        Photographs.from_list(listing)


def test_read_returns_pixels_and_the_digest_of_the_file(tmp_path):
    path = save(tmp_path / "x.png", (10, 20, 30))
    pixels, digest = Photographs.from_folder(tmp_path, resize=32, crop=16).read(0)
    assert (pixels.permute(1, 2, 0).numpy() == np.array([10, 20, 30])).all()
    assert pixels.shape == (3, 16, 16)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_png_named_jpg_is_read(tmp_path):
    save(tmp_path / "x.jpg", kind="PNG")
    assert Photographs.from_folder(tmp_path).read(0)[0][:, 5, 5].tolist() == [255, 0, 0]


def _write_text(path):
    path.write_text("This is no photograph.")


def _link_to_nothing(path):
    path.symlink_to(path.with_name("gone"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_write_text, "not a JPEG, PNG, WebP, BMP, TIFF or GIF: it begins with b'This is '"),
        (lambda path: path.touch(), "empty file"),
        (_link_to_nothing, "No such file or directory"),
        (lambda path: path.mkdir(), "a folder or device, not a file"),
        (os.mkfifo, "a folder or device, not a file"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
    ids=["text", "empty", "broken link", "folder", "pipe", "circle"],
)
def test_unreadable_files(tmp_path, make, reason):
    make(tmp_path / "x.jpg")
    with pytest.raises(Unreadable, match=f"^{reason}$"):
        Photographs(tmp_path, ["x.jpg"], "photos").read(0)


def test_a_folder_named_like_a_photograph_is_not_an_image(tmp_path):
    save(tmp_path / "x.jpg" / "y.png")
    assert keys(Photographs.from_folder(tmp_path)) == ["x.jpg/y.png"]


def test_a_file_without_permission_is_unreadable(tmp_path, monkeypatch):
    save(tmp_path / "x.png")
    photographs = Photographs.from_folder(tmp_path)

    def deny(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", deny)
    with pytest.raises(Unreadable, match=r"^Permission denied$"):
        photographs.read(0)


@pytest.mark.parametrize(("resize", "crop"), [(100, 101), (256, 7), (4, 4), (256, 0)])
def test_an_impossible_crop_size_is_refused(tmp_path, resize, crop):
    with pytest.raises(VisaeError, match=f"found crop {crop} and resize {resize}"):
        Photographs(tmp_path, ["x.png"], "photos", resize, crop)


def test_settings_identify_the_photographs(tmp_path):
    same = Photographs(tmp_path, ["a.png", "b.png"], "photos").settings()
    expected = hashlib.sha256(b"a.png\0b.png").hexdigest()
    assert same == {"kind": "files", "count": 2, "keys_sha256": expected, "resize": 256, "crop": 224}
    assert same == Photographs(tmp_path / "moved", ["a.png", "b.png"], "other name").settings()
    assert same != Photographs(tmp_path, ["b.png", "a.png"], "photos").settings()


@pytest.mark.parametrize("index", [-1, 1])
def test_an_index_out_of_range(tmp_path, index):
    with pytest.raises(IndexError, match=f"image {index} of 1"):
        Photographs(tmp_path, ["a.png"], "photos").read(index)


@pytest.mark.parametrize("line", ["x" * 300 + ".jpg", "a\0b.jpg"])
def test_impossible_file_names_are_unreadable(line, tmp_path):
    save(tmp_path / "there.png")
    (tmp_path / "list.txt").write_text(f"{line}\nthere.png\n")
    images = Photographs.from_list(tmp_path / "list.txt")
    with pytest.raises(Unreadable):
        images.read(0)
