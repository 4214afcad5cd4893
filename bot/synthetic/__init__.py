"""A synthetic hospital, as large as you like. Nobody in it has ever lived; every name and number says so."""
