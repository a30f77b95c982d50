"""Samples of every kind as spikes: pictures, event cameras, sound; what ships with the package needs no download."""
