"""alzbench: does this change help to classify brain MRI, by how much, and would it hold for a new patient?"""

from alzbench.keras_layers import register_with_keras

__version__ = "0.1.0"

register_with_keras()
