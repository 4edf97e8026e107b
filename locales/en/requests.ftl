### Requests about training: what people ask for, and who decides.

kind-approval = a request that waits for your decision
kind-approval-answer = the answer to your request

why-request-passed = somebody else decides about this request now.
why-request-ended = this request needs no decision any more.

## What is asked for; $title is the course or requirement, $until a date

request-what-extension = more time for **{ $title }**, until { $until }
request-what-exemption = an exemption from **{ $title }**
request-what-exemption-until = an exemption from **{ $title }** until { $until }
request-what-waiver = a waiver of **{ $title }**, this time
request-what-attempt = one more attempt at the quiz of **{ $title }**
request-what-enrolment = a place in **{ $title }**
request-what-enrolment-by = a place in **{ $title }**, to be done by { $until }
request-what-requirement = the new requirement **{ $title }**
request-what-change = a change of the requirement **{ $title }**
request-what-end = an end of the requirement **{ $title }**
request-operator = Your operator

## To whoever decides; $asker and $person are names, $what one of the above

request-asks = **{ $asker }** asks for { $what }.
request-asks-for = **{ $asker }** asks for { $what }, for **{ $person }**.
request-reminder = This has waited for you since { $since }:
request-approve-button = Approve
request-decline-button = Decline
request-send-back-button = Send back
request-delegate-button = Pass on
# $name is who asks
request-look-button = Look: { $name }
request-history-assigned = Assigned { $on }, due { $due }.
request-history-moved = Assigned { $on }, first due { $first }, now { $due }.
# What changed of the training before, one after the other; $what is one or both of the next two
request-history-turned = Changed { $on }: { $what }. { $reason } ({ $name })
request-history-due = due { $new } instead of { $old }
request-history-stood = { $new } instead of { $old }
request-history-rule = by the rule
request-stood-assigned = not begun
request-stood-extended = extended
request-stood-started = begun
request-stood-overdue = overdue
request-stood-away = on leave
request-stood-completed = done
request-stood-expired = no longer valid
request-stood-exempt = exempt
request-stood-waived = waived
request-stood-retired = not needed
request-history-approved = Before: { $what }, approved by { $name } { $on }.
request-history-declined = Before: { $what }, declined by { $name } { $on }: { $reason }
request-history-open = Also open: { $what }.
request-history-delegated = { $name } passed it on { $on }: { $reason }.
request-history-time = { $name } gave no answer in time; asked somebody else { $on }.
request-history-unable = { $name } could not decide any more; asked somebody else { $on }.
request-history-outdated = Sent back { $on }, because the requirement had changed meanwhile.
request-history-sent-back = { $name } sent it back { $on }: { $reason }
request-moved = { $what } went back to { $name }: the requirement has changed since it was written.
request-approved = Approved: { $what }. { $name } hears of it.
request-declined = Declined, with your reason: { $what }. { $name } hears of it.
request-passed-on = Passed on to { $name }: { $what }.
request-not-waiting = This does not wait for you. How it stands: { $standing }
request-unknown = I cannot find this request.
request-decline-title = Decline
request-send-back-title = Send back
request-decline-reason = Why not?
request-decline-reason-hint = Whoever asked reads this, and it is kept.
request-decline-submit = Send
request-delegate-title = Pass on
request-delegate-to = Who decides instead?
request-delegate-reason = A word to them (if you like)
request-delegate-submit = Pass on
request-delegate-nobody = Nobody else may decide about this. Please decide yourself, or ask your operator.
request-delegate-not-allowed = This person may not decide about it, or is away. Please choose somebody else.
request-reason-missing = Please write a reason.

## How it stands

request-state-draft = being written
request-state-open = waits for { $name } since { $since }.
request-state-nobody = waits until somebody may decide about it; I look again each working day.
request-state-approved = ✓ Approved by { $name } { $on }.
request-state-moved = Sent back { $on }: the requirement has changed since it was written.
request-state-declined = Declined by { $name } { $on }: { $reason }
request-state-withdrawn = Taken back { $on }.
request-state-closed = Closed without a decision: { $reason }.

## To who asked

request-answer-approved = ✓ { $name } has approved { $what }.
request-answer-declined = { $name } has not approved { $what }. The reason:
request-answer-sent-back = { $name } has sent back { $what }. The reason:
request-answer-moved = { $what } is back with you: the requirement has changed since you wrote it. Please look at it once more.
request-answer-closed = Nobody decided in time about { $what }. Talk to your manager or your learning team if you still need it.
request-mine = You asked for:
request-for = { $what }, for { $person }
request-mine-button = My training
request-withdraw-button = Take back
request-withdrawn = Taken back: { $what }.
request-withdraw-not = There is nothing to take back. How it stands: { $standing }

## Asking

request-button = Ask for …
request-title = Ask for a change
request-menu = What is it about?
request-menu-nothing = Nothing of yours is open. You can ask for a place in a course.
request-courses-button = Courses
request-what = What do you need?
request-option-extension = More time
request-option-exemption = An exemption: I do not need this at all
request-option-waiver = A waiver: not this time
request-until = Until when? (a date like 2026-12-18)
request-until-hint = For more time: the new due date, after { $due }. For an exemption: its last day, or nothing.
request-reason = Why?
request-reason-hint = Whoever decides reads this, and it is kept as evidence.
request-submit = Ask
request-date-wrong = That is not a date. Please write one like { $example }.
request-date-missing = Please say until when, with a date like { $example }.
request-date-early = Please choose a day after { $due }, on which it is due now.
request-date-past = This day has passed.
request-date-far = Please choose a day within the next year.
request-asked = I have asked { $name } for { $what }. You hear from me; **training** shows how it stands.
request-asked-nobody = Noted: { $what }. Nobody can decide about it just now; I ask as soon as somebody can. **training** shows how it stands.
request-already = You have asked for this already: { $what }. How it stands: { $standing }
request-too-many = That is a lot of requests for one day. Please go on tomorrow.
request-not-open = This is not open any more, so there is nothing to ask for.
request-form-needed = Please press the button where forms can be opened.

## The catalogue

request-courses-title = Courses
request-courses-none = There is no course to take just now.
request-courses-intro = What nobody demands of you. Your manager decides about a place.
request-course-mine = **{ $title }**: you have it
request-course-asked = **{ $title }**: you have asked for a place
request-course-free = **{ $title }**
request-enrol-button = Ask for a place
request-enrol-title = Ask for a place
request-enrol-by = By when? (a date, if you like)
request-enrol-have = You have **{ $title }** already. Type **training**.
request-course-unknown = I cannot find this course. Type **training courses** for all.
request-row-enrolment = **{ $title }**: you have a place; you wanted to be done by { $due }

## What waits

request-waiting =
    { $count ->
        [one] One request waits for your decision.
       *[other] { $count } requests wait for your decision.
    }
request-list-button = Decide
request-list-title = Requests
request-list-none = Nothing waits for your decision.
request-list-others = These wait for others:
request-list-more = … and { $count } more.
# said by who asks for one more attempt
request-attempt-reason = All my attempts are used.
