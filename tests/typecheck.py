"""The type checker that runs while testing: beartype, with whole numbers accepted as floats, as Python does."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
