"""alzbench: does this change help to classify brain MRI, by how much, and would it hold for a new patient?"""

__version__ = "0.1.0"
