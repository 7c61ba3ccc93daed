# Public names of curriculab.engine, imported when first used.

from .backend import ModelBackend as ModelBackend
from .loading import free_models as free_models
from .loading import load_model as load_model
from .model import Model as Model
