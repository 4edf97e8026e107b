### Operations: what needs the operator's look.

kind-alarm = a note for the operator
operations-alarms =
    { $count ->
        [one] Something needs a look:
       *[other] { $count } things need a look:
    }
operations-more =
    { $count ->
        [one] and one more.
       *[other] and { $count } more.
    }
operations-doctor = `stoa doctor` on the server says the same, with the way out.
operations-over = What this message was about is settled.
