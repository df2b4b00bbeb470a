from . import bag_of_words as bag_of_words
from . import missing_curves as missing_curves
from . import persian_rug as persian_rug
from . import polysemantic as polysemantic
from . import report as report
from . import superposition_in_curves as superposition_in_curves
