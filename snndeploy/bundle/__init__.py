"""Bundles: one archive that holds a network, what it must do, and the proof of it, for people without snndeploy.

`writing.bundle` makes one, `checking.verify` proves one with NumPy alone; the folder `verifier` travels in each.
"""
