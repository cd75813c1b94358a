"""Running a whole instance under one process: ordered start, restart on death, ordered end."""
