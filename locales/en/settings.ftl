### Settings and my data.
