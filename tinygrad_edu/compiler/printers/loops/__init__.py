"""The program as text for numba: loops over single elements, which it compiles to machine code.

Each operation is of a kind (`kinds`); operations over the same axes share a loop (`fusion`); an element of a value is a
number, or stands in an array at an index (`elements`, `indices`); the lines of all loops (`statements`) make a kernel
of flat arrays, and a function that takes these out of their containers and puts the results in (`kernel`).
"""
