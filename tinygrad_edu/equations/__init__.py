"""Where the equations stand in a recorded graph: z = a W + b, and BP1–BP4.

`structure` finds them, by structure alone; `words` says them, in words and in symbols; `notation` says them with the
symbols of one graph; `recompute` evaluates them by hand, with the formulas of `tinygrad_edu.backprop`, and compares.
`functions` tells which activation functions and costs have formulas there; for others `without_rules` finds the
derivative. Compiled programs, pictures, films and reports take what they say of the equations from here alone.
"""
