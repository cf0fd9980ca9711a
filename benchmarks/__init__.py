"""Benchmarks: ratios within one run, since seconds of one machine say nothing about another.

Every benchmark is a function that measures *pairs*: a yardstick A and what is looked at B, taken in turns (A B A B),
so that a machine that slows down slows both. ``python -m benchmarks`` prints one table; nothing is asserted about speed,
but each benchmark checks that both sides came to the same result where they should.
"""
