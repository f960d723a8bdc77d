"""`python -m klk_daemon`: the same as `klk-daemon`."""

from klk_daemon.cli import main

main()
