"""Commands on systems and models: zoo, train, evaluate."""

COMMANDS: tuple = ()
