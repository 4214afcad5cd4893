"""The tag library and the engine that keeps every patient's tags true."""
