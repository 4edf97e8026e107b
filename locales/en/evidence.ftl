### Evidence: checkpoints of the log.

kind-checkpoint = a checkpoint of the evidence
# $count is the number of records in the log
evidence-checkpoint =
    { $count ->
        [one] Checkpoint of the evidence: one record.
       *[other] Checkpoint of the evidence: { $count } records.
    }
evidence-checkpoint-keep = Keep this message. It shows later that no record was changed or taken away since.
