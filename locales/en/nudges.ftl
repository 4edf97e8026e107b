### Nudges, digests and the answers to "why".

## The learner's digest

# $count is the number of things in it
nudges-digest =
    { $count ->
        [one] One thing is waiting for you:
       *[other] { $count } things are waiting for you:
    }
nudges-digest-done = All done. Thank you!
nudges-why-button = Why this?

## When nothing comes back

nudges-paused = My last lessons and tips got no reaction, so I stop sending them. What is required of you still comes. Press the button, or write to me, and they go on.

## why

nudges-why-intro = These are my last messages to you, and those that I held back:
nudges-why-unknown = I sent you no such message.
nudges-why-nothing = I have sent you nothing on my own so far, and held nothing back.
# $at is when it was decided, $what the kind of message, $decision what was done, $reason the sentence
nudges-why-line = **{ $at }** – { $what } – { $decision }: { $reason }

decision-now = sent
decision-later = put off
decision-merge = put into your digest
decision-withhold = not sent
decision-cancel = taken back
decision-edit = brought up to date

kind-reply = an answer
kind-learner-digest = your digest
kind-paused = a word about your lessons
kind-other = a message

why-due = it was due, and it was a good moment in your working day.
why-answer = you asked for it.
why-do-not-disturb = your chat was set to “do not disturb”. It comes { $until }.
why-quiet-hours = it was outside your working hours. It comes { $until }.
why-day-off = it was not a working day for you. It comes { $until }.
why-holiday = it was a holiday where you work. It comes { $until }.
why-not-begun = your first day of work is still to come. I look again { $until }.
why-leave = you are on leave. I look again { $until }.
why-ramp = you have just come back, so I start slowly. It comes { $until }.
why-budget =
    { $budget ->
        [one] you had one message from me that day already, and that is the limit. It comes { $until }.
       *[other] you had { $budget } messages from me that day already, and that is the limit. It comes { $until }.
    }
why-gap = my last message to you was only a short time ago. It comes { $until }.
why-activity = you had just been busy with something here. It comes { $until }.
why-digest = several things were due at once, so I put them into one message.
why-left = you no longer work here.
why-paused = you have paused voluntary messages. Type **settings** to change that.
why-ignored = my last messages got no reaction, so I stopped bothering you. Write to me and they go on.
why-changed = what it says had changed since I posted it.
why-done = it was done already, so there was nothing left to say.
why-stale = it would have come too late to be of use.
why-unknown-kind = this version of Stoa does not know this kind of message.
