### Mandatory training: assignments, courses, attestation, the team's view.
