# Public names of curriculab.simulation, imported when first used.

from .learner import SimulatedLearner as SimulatedLearner
from .student import Student as Student
