"""The report of a network: one self-contained HTML file, without a network.

`collect` runs and measures, `content` is what was found, `page` writes it down.
"""
