# Public names of curriculab.bench, imported when first used.

from .bench import Bench as Bench
from .budget import Budget as Budget
from .grading import best as best
from .grading import majority as majority
from .sanity import truth_test as truth_test
from .simulate import simulate as simulate
from .sweep import learning_rate_sweep as learning_rate_sweep
