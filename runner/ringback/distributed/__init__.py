"""Work on many machines: the web only receives, a broker carries run ids, workers advance runs, a clock wakes them."""

from __future__ import annotations
