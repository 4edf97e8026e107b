### Tracks, lessons, quizzes and drops.
