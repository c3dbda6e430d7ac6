"""The claims on computational power: any-process generation, planners and predictors."""

from theory.power.claims import (
    cones,
    looping,
    memories,
    node_orders,
    parities,
    prefixes,
    regular,
    searches,
    transitions,
)

CLAIMS = (
    *transitions.CLAIMS, *parities.CLAIMS, *memories.CLAIMS, *searches.CLAIMS,
    *regular.CLAIMS, *node_orders.CLAIMS, *prefixes.CLAIMS, *looping.CLAIMS, *cones.CLAIMS,
)  # fmt: skip
