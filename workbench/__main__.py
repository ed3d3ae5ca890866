"""`python -m workbench`, the same as `workbench`."""

from workbench.app.cli import main

if __name__ == "__main__":
    main()
