### Questions and cited answers.
