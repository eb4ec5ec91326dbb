"""Commands that use a trained model: generate, serve."""

COMMANDS: tuple = ()
