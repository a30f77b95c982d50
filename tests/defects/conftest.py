"""Norse warns where it is first imported; after that it may be imported anywhere."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import norse.torch  # noqa: F401
