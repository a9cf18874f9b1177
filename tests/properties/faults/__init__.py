"""What goes wrong on the way: requests that fail, answers that are lost, functions that are killed."""
