"""The KLK API: asked, checked, and turned into rows. Bytes in, rows out."""
