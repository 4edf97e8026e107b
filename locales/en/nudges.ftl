### Nudges, reminders, digests and the answers to "why".
