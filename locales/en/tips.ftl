### Tips, discussions and logged experience.
