"""The database: the one writer, the tables, and every statement that touches them."""
