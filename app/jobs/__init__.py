"""What the worker does: hand due work out, run it once, write down what became of it."""
