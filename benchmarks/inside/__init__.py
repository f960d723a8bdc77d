"""What runs in a process of its own, and measures itself there: `process.inside` starts it."""
