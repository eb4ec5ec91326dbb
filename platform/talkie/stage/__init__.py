"""The virtual capture stage: synthetic footage with complete ground truth."""

from talkie.stage.contact import write_contact_sheet
from talkie.stage.record import film_take, record
from talkie.stage.shoot import Shoot, load_shoot, preset_names

__all__ = ["Shoot", "film_take", "load_shoot", "preset_names", "record", "write_contact_sheet"]
