"""How many sequential calls a chain needs when a cheap draft proposes and the target accepts or corrects, exactly."""
