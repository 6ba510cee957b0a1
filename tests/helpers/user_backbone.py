"""A user's Python file with a backbone."""

TWO_CONVOLUTIONS = '''from alzbench.models.backbones import register_backbone


@register_backbone("two_convolutions")
def two_convolutions(settings, weights=None, input_shape=None, input_tensor=None):
    """Two convolutions."""
    import keras

    image = keras.Input(input_shape) if input_tensor is None else input_tensor
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="lower")(image)
    x = keras.layers.Conv2D(16, 3, strides=2, activation="relu", name="upper")(x)
    return keras.Model(keras.utils.get_source_inputs(image), x)
'''
