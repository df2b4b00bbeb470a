from ._features import PlantedFeature as PlantedFeature
from ._network import PlantedNetwork as PlantedNetwork
from ._network import Truth as Truth
