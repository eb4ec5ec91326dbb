"""Labels of a clip: those of the picture in `picture`, those of the sound in `sound`; who is who is in `people`."""
