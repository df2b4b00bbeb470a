"""python -m visae"""

from visae.cli import main

main()
