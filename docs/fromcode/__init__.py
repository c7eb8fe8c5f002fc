"""What the reference pages must say, drawn from the code.

``make docs`` writes it into ``docs/``; ``tests/unit/docs`` fails when a page says something else. Of a
table only the first columns are drawn; what people wrote into the others stays.
"""
