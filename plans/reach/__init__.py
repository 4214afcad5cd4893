"""How a family is reached: which route is lawful now, how often, at what hours."""
