"""The daemon's HTTP server: health, metrics, status, and orders for those who may give them."""
