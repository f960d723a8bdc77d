"""What `klk-daemon check` looks at. Each check ends as a finding, never as an exception, and is bounded in time.

`finding` says what a finding is; `folders` looks at files and disks, `database` at the database, `klk` and `tienda` at
the API, its clock and its stores, `host` at the service and at what the old cron left. They are handed plain values.
"""
