"""`python -m merlon_lab`: the command `merlon-lab`."""

from .cli import main

if __name__ == "__main__":
    main()
