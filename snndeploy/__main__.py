"""`python -m snndeploy`."""

import sys

from snndeploy.cli import main

sys.exit(main())
