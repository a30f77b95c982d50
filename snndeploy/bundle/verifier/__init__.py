"""Proves a bundle with Python and NumPy alone. This folder travels in every bundle, as it is here.

It shares no code with the engines: the integers are computed a second time, from the words of the contract.
"""
