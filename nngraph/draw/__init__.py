"""Pictures of networks: of what was declared, of what each stage makes of it, of memory, wirings and values."""
