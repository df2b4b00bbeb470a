import torch

from visae.examples._lowest import Lowest


def test_it_keeps_what_sorting_everything_would():
    source = torch.Generator().manual_seed(0)
    # Few different keys: ties are many.
    keys = torch.randint(0, 9, (6, 50), generator=source).double()
    keys[keys == 8] = torch.inf
    values, places = torch.rand(6, 50, generator=source), torch.randint(0, 99, (6, 50), generator=source)
    kept = Lowest(6, 7)
    for some in torch.arange(50).split(11):
        kept.take(keys[:, some], values[:, some], some, places[:, some])
    for unit in range(6):
        order = sorted(range(50), key=lambda entry: (keys[unit, entry].item(), entry))[:7]
        assert kept.key[unit].tolist() == keys[unit, order].tolist()
        assert kept.image[unit].tolist() == order
        assert torch.equal(kept.value[unit], values[unit, order])
        assert torch.equal(kept.place[unit], places[unit, order])


def test_what_has_the_key_infinity_is_no_entry():
    kept = Lowest(2, 3)
    keys = torch.tensor([[1.0, torch.inf], [torch.inf, torch.inf]], dtype=torch.float64)
    assert kept.wants(keys).tolist() == [[True, False], [False, False]]
    kept.take(keys, torch.ones(2, 2), torch.tensor([5, 6]), torch.ones(2, 2, dtype=torch.int64))
    assert kept.there.tolist() == [[True, False, False], [False, False, False]]
    assert kept.image[0, 0] == 5
