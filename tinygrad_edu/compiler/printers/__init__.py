"""Programs as text: as NumPy (`numpy`), as mathematics (`formula`), as loops for numba (`loops`)."""
