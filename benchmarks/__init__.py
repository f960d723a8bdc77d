"""What klk-daemon costs, measured beside the least that the same work can cost."""
