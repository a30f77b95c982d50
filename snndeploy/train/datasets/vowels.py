"""Made-up words that need no recording: two vowels each, from a voice and two resonances, by many speakers.

A pulse train of the speaker's pitch passes through two resonators that glide from the first vowel to the second.
Source-filter model: Fant, Acoustic Theory of Speech Production, 1960. Formants: Peterson and Barney, JASA 1952.
"""

from __future__ import annotations

import numpy as np

from snndeploy.network.arrays import Array

RATE = 8000
# first and second formant of a man, Hz: i, u, a, æ, o
VOWELS = np.array([[270.0, 2290.0], [300.0, 870.0], [730.0, 1090.0], [660.0, 1720.0], [570.0, 840.0]])
# a word of each class: its first and its second vowel
WORDS = np.array([[0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1], [3, 0], [0, 3], [4, 3], [3, 4]])


def spoken(labels: Array, seed: int = 0, seconds: float = 0.4) -> list[Array]:
    """A sound for each label 0..9, float64 (RATE · duration,); durations vary by a fifth, speakers in pitch and size.

    The same seed gives the same sounds.
    """
    from scipy.signal import lfilter

    draws = np.random.default_rng(seed)
    made = []
    for label in np.asarray(labels):
        size, pitch = draws.uniform(0.9, 1.25), draws.uniform(90, 230)
        count = int(RATE * seconds * draws.uniform(0.8, 1.2))
        t = np.arange(count) / RATE
        glide = 1 / (1 + np.exp(-(t / t[-1] - draws.uniform(0.4, 0.6)) * 14))
        formants = size * (VOWELS[WORDS[label][0]] + glide[:, None] * np.diff(VOWELS[WORDS[label]], axis=0))
        phase = np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 1.5 * t))) / RATE
        voice = np.diff(np.floor(phase), prepend=0.0) + 0.02 * draws.normal(size=count)
        sound = np.zeros(count)
        # resonances in pieces of 10 ms, in which they stand still
        piece = RATE // 100
        for k in range(2):
            state, out = np.zeros(2), np.zeros(count)
            for start in range(0, count, piece):
                f = formants[start, k]
                r = np.exp(-np.pi * 80 * (k + 1) / RATE)
                poles = [1.0, -2 * r * np.cos(2 * np.pi * f / RATE), r * r]
                out[start : start + piece], state = lfilter([1 - r], poles, voice[start : start + piece], zi=state)
            sound += out / (1 + k)
        made.append(sound * np.minimum(1, np.minimum(t, t[::-1]) / 0.02))
    return made
