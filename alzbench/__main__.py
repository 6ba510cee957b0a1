"""`python -m alzbench`."""

from alzbench.cli import main

if __name__ == "__main__":
    main()
