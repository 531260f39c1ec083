"""What nemotui knows and decides: pure Python, standard library only, no I/O, no clock but the one passed in."""
