"""The start of the command line: `alzbench`, or `python -m alzbench`."""

import sys

from alzbench import interrupts


def main() -> None:
    """Run the command line; Ctrl-C ends it with a sentence from the first import on."""
    interrupts.install()
    try:
        from alzbench import cli

        cli.main()
    except BaseException as error:
        # an import may turn the exception of Ctrl-C into another one; `cli.main` itself ends with SystemExit
        if isinstance(error, SystemExit) or not interrupts.was_stopped():
            raise
        print(f"error: {interrupts.SENTENCE}", file=sys.stderr)
        sys.exit(4)


if __name__ == "__main__":
    main()
