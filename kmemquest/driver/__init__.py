"""C on the simulated kernel: preprocess, parse, compile to closures, run."""
