from visae.images import Images, Leaves, Photographs, Unreadable


def test_sources_fulfil_the_protocol(tmp_path):
    assert isinstance(Leaves(1), Images)
    assert isinstance(Photographs(tmp_path, ["a.jpg"], "photos"), Images)


def test_other_things_do_not():
    assert not isinstance("photos/", Images)
    assert not isinstance([1, 2], Images)


def test_reason_is_the_text():
    assert str(Unreadable("empty file")) == "empty file"
