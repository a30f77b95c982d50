"""Lava processes of our own. Lava executes every file beside a process: one folder each, with nothing else in it."""

# RuleLIF has that many in-ports
RECEPTORS_MAX = 4
