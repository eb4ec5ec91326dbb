"""Published networks that metrics are defined with, each from a file of the user's own, and the stand-ins that say they
are stand-ins. No metric is computed here, and nothing is downloaded."""
