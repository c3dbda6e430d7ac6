"""The claims on computational power: any-process generation, planners and predictors."""

from theory.power.claims import memories, parities, searches, transitions

CLAIMS = (*transitions.CLAIMS, *parities.CLAIMS, *memories.CLAIMS, *searches.CLAIMS)
