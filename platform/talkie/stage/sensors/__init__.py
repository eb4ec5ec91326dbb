"""What a take is measured with besides its cameras: one file a sensor, each a function of the posed truth."""
