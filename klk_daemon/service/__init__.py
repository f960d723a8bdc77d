"""The daemon as a service: systemd (user or system), launchd, and the crontab that it takes the place of.

`target.py` what is to run, and where its files lie · `texts.py` the files of deploy/, filled in · `systemd.py`,
`launchd.py` what the service managers are asked · `install.py`, `uninstall.py` the steps · `access.py` may that user
get at these files · `crontab.py` which lines are the old cron's · `steps.py` a step, done or only shown ·
`commands.py` the one place that runs programs.
"""
