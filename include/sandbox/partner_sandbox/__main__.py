"""`python -m partner_sandbox`."""

from __future__ import annotations

import sys

from partner_sandbox.server import main

sys.exit(main())
