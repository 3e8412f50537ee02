"""The hosts as containers of a Docker Engine: the engine, the image they start from."""
