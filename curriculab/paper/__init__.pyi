# Public names of curriculab.paper, imported when first used.

from . import report as report
from . import reproduce as reproduce
from . import tables as tables
