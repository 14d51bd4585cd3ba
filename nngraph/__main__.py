"""`python -m nngraph` is the command `nngraph`."""

from nngraph.cli.main import main

main()
