"""Maps of what a trained model looks at, and checks of what the maps are worth."""
