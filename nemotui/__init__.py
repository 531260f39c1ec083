"""nemotui: from a box with NVIDIA GPUs to a served, measured and trusted Nemotron 3 Super."""

__version__ = "0.1.0"
