"""How many steps, and which: exact laws and errors of parallel unmasking, and the best schedules."""
