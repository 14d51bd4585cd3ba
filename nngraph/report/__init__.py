"""What a program on its way through the compiler is made of: nodes, calls, memory and source, for people to read."""
