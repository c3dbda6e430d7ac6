"""Speculative sampling: De Bortoli et al. (arXiv 2501.05370) and its masked counterpart."""

from __future__ import annotations

from theory.ledger import Claim
from theory.speculation.claims.calls import CLAIMS as CALLS
from theory.speculation.claims.chain import CLAIMS as CHAIN
from theory.speculation.claims.coins import CLAIMS as COINS
from theory.speculation.claims.independent import CLAIMS as INDEPENDENT
from theory.speculation.claims.masked import CLAIMS as MASKED
from theory.speculation.claims.step import CLAIMS as STEP

CLAIMS: tuple[Claim, ...] = (*STEP, *COINS, *CHAIN, *INDEPENDENT, *CALLS, *MASKED)
