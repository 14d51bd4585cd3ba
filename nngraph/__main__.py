"""``python -m nngraph``: the command line."""

from nngraph.cli.main import main

if __name__ == "__main__":
    main()
