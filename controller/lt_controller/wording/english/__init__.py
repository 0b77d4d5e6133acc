"""English: a file per topic, each with some of the dictionaries that `Catalogue` merges."""

from ..catalogue import merged

CATALOGUE = merged(__name__)
