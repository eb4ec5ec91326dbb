"""The main job from end to end."""

COMMANDS: tuple = ()
