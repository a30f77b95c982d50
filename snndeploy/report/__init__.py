"""What people look at: plots, and the tables of the README."""
