### New requirements in chat, for the learning team and approvers.

## Rules in words

audience-everyone = everybody who works here
# $who is one or more of the clauses below
audience-people = people { $who }
audience-nobody = who are nobody
audience-working = who work here
audience-and = { $first } and { $second }
audience-or = { $first } or { $second }
audience-manager = who are managers
audience-manager-not = who are not managers
audience-role = with the role { $role }
audience-role-not = without the role { $role }
audience-group = in the group { $group }
audience-group-not = not in the group { $group }
audience-field = whose { $field ->
        [worker_type] worker type
        [title] job title
        [locale] language
        [employee_id] employee id
        [email] e-mail address
       *[other] { $field }
    } is { $values }
audience-field-not = whose { $field ->
        [worker_type] worker type
        [title] job title
        [locale] language
        [employee_id] employee id
        [email] e-mail address
       *[other] { $field }
    } is not { $values }
audience-hired-on = who began on { $date }
audience-hired-not-on = who did not begin on { $date }
audience-hired-before = who began before { $date }
audience-hired-up-to = who began on { $date } or before
audience-hired-after = who began after { $date }
audience-hired-from = who began on { $date } or later
authoring-due-assigned =
    { $days ->
        [one] one day after it is assigned
       *[other] { $days } days after it is assigned
    }
authoring-due-hire =
    { $days ->
        [one] one day after the first day of work
       *[other] { $days } days after the first day of work
    }
authoring-due-role =
    { $days ->
        [one] one day after a change of the job
       *[other] { $days } days after a change of the job
    }
authoring-due-on = on { $date }
authoring-steps-before = { $days } days before
authoring-steps-none-before = not before it is due
# $every is a length of time, $window a number of days
authoring-again =
    { $window ->
        [one] Again: every { $every }; the next one opens one day before the end, and is due on the last day
       *[other] Again: every { $every }; the next one opens { $window } days before the end, and is due on the last day
    }
authoring-again-no-grace = After the end what was done counts no more
authoring-again-grace =
    { $days ->
        [one] For one day after the end what was done still counts, though the next one is overdue
       *[other] For { $days } days after the end what was done still counts, though the next one is overdue
    }
authoring-again-from-completion = A renewal holds from the day on which it is done
authoring-again-from-expiry = A renewal in time holds from the end of what it renews: nobody loses by being early
authoring-again-prior = Who has done the course before has done it, as long as that holds
authoring-again-prior-not = Everybody does it anew when they get it, whatever they have done before
authoring-again-version = A new version of the course begins anew for everybody who has done an earlier one
authoring-again-version-not = A new version of the course asks nobody again before the end
# $days is a list of numbers, $end a number of days
authoring-steps-after = and { $days } days after it is due, then weekly for { $end } days;
authoring-steps-weekly = and then weekly for { $end } days;
authoring-steps-told = the manager hears from day { $manager }, the next level from day { $next }.

## The form

authoring-open = A new requirement: a course that people have to do. You see whom it concerns before anybody hears of it.
authoring-write-button = Write it
authoring-form-new = A new requirement
authoring-form-change = Change a requirement
authoring-form-stop = End a requirement
authoring-form-propose = Ask for approval
authoring-form-renew = How it renews
# $every is a length of time
authoring-renew-intro = { $title }: a completion holds { $every }.
authoring-renew-none = A completion of this holds for good. Please edit the draft and write how often it comes again, for example “14 days, every 12 months”.
authoring-window = Opens so many days before the end
authoring-window-hint = The next one is due on the last day of the old one.
# $every is a length of time
authoring-window-wrong = Please write a number of days from 1 to 366 that is less than { $every }.
authoring-grace = Still counts so many days after it
authoring-grace-hint = 0: what was done counts no more after the end.
authoring-grace-wrong = Please write a number of days from 0 to 366.
authoring-from = A renewal holds
authoring-from-completion = From the day on which it is done
authoring-from-expiry = From the end of what it renews
authoring-prior = What was done before
authoring-prior-not = Does not count: everybody does it anew
authoring-prior-counts = Counts as long as it holds
authoring-version = New content of the course
authoring-version-not = Waits for the next time
authoring-version-again = Begins anew for everybody
authoring-course = Course
authoring-course-wrong = Please choose a course.
authoring-course-kept = What people did for this is evidence of the course that it has. For another course, write a new requirement and end this one.
authoring-title = Title
authoring-title-hint = As people see it; the course’s title when empty.
authoring-audience = Whom is it for?
authoring-audience-hint = everyone · country = "US" · department in ["Sales", "Care"] and not worker_type = "contractor"
authoring-due = Due
authoring-due-hint = 14 days, every 12 months, evidence osha, confirmed by mail-code · 30 days after hire · 2026-12-18
authoring-due-wrong = Please write 14 days, 30 days after hire, or a date like 2026-12-18; also with “, every 12 months”, “, evidence osha” (or iso-9001, soc2, hipaa, harassment-prevention) and “, confirmed by mail-code”.
authoring-steps = Reminders and escalation
authoring-steps-hint = Days before and after it is due.
authoring-steps-wrong = Please choose one of these.
authoring-preset-usual = Usual: 7 and 1 before, 1 and 3 after; manager from 3
authoring-preset-gentle = Gentle: 3 before, 3 after; manager from 7
authoring-preset-tight = Tight: 14, 7, 3 and 1 before; manager from 1
authoring-preset-as-it-is = As it is now
authoring-preview-button = Preview
authoring-reason = Why?
authoring-reason-hint = The approver reads this, and it is kept as evidence.
authoring-ask-button = Ask for approval

## The preview

authoring-line-course = Course: { $title }
authoring-line-audience = For: { $who }
authoring-line-due = Due: { $due }
authoring-line-steps = Reminders: { $steps }
authoring-line-attestation = Confirmed at its end: { $level }
authoring-unsignable = This cannot be confirmed so: { $why }.
authoring-line-evidence = Evidence: as { $preset } wants it
authoring-ends = It counts no more: nobody gets it, and what is open ends. What was completed stays as it is.
authoring-means =
    { $count ->
        [one] It means **one person**.
       *[other] It means **{ $count } people**.
    }
authoring-means-nobody = It means **nobody** as things are now. Is the rule right?
# $names is a list of names
authoring-assign =
    { $count ->
        [one] One gets it now: { $names }.
       *[other] { $count } get it now: { $names }.
    }
authoring-unchanged =
    { $count ->
        [one] One has it already and keeps it as it is.
       *[other] { $count } have it already and keep it as it is.
    }
authoring-adjust =
    { $count ->
        [one] For one the date changes: { $names }.
       *[other] For { $count } the date changes: { $names }.
    }
authoring-retire =
    { $count ->
        [one] For one it ends: { $names }.
       *[other] For { $count } it ends: { $names }.
    }
authoring-more = { $count } more
authoring-credit =
    { $count ->
        [one] One has done it before, and that counts: { $names }.
       *[other] { $count } have done it before, and that counts: { $names }.
    }
authoring-expire =
    { $count ->
        [one] For one the completion holds no more: { $names }.
       *[other] For { $count } the completion holds no more: { $names }.
    }
authoring-left-out =
    { $count ->
        [one] One is left out by a decision: { $names }.
       *[other] { $count } are left out by a decision: { $names }.
    }
# $text is a sentence of the dry run
authoring-warning = Please look: { $text }.
authoring-draft-only = Nobody hears of this before it is approved.
authoring-propose-button = Ask for approval
authoring-edit-button = Edit
authoring-renew-button = How it renews
authoring-toml-button = As text
authoring-discard-button = Discard
authoring-moved = { $title } has changed since you began. Please discard this draft and begin with the requirement as it is now: type training requirements.
authoring-no-draft = This is no draft of yours that can still be written.
authoring-unknown = I cannot find this requirement. Type **training requirements** for all.
authoring-proposed = I have asked { $name } to approve **{ $title }**. You hear from me.
authoring-proposed-nobody = Noted: **{ $title }**. Nobody with the role approver can be asked just now; I ask as soon as somebody can. Your operator can give the role.
authoring-toml = The same for **stoa training apply**.
authoring-assigning = Everybody whom it concerns gets it now; what is sent keeps to their working hours.

## What there is

authoring-list-title = Requirements
authoring-list-line = **{ $title }**: for { $who }
authoring-list-ended = **{ $title }**: counts no more
authoring-change-button = Change
authoring-stop-button = End it
authoring-again-button = Use it again
authoring-new-button = New requirement
authoring-draft-line = Draft: **{ $title }**, written { $on }
authoring-draft-open = Waits for approval: **{ $title }**, written { $on }
authoring-status-button = Status
authoring-status-none = There is no requirement yet.
authoring-status-not-yours = Only the learning team, approvers and auditors can see this. Type **training** for your own.
authoring-status-which = Of which requirement do you want to know who is missing?
authoring-status-nobody = **{ $title }**: nobody has it.
authoring-status-complete = Nobody is missing.
# $reason is why it was assigned
authoring-missing-overdue = **{ $name }**: overdue since { $due }; { $reason }
authoring-missing-renew = **{ $name }**: still valid, to renew by { $due }; { $reason }
authoring-missing-expired = **{ $name }**: no longer valid since { $until }; { $reason }
authoring-missing-away = **{ $name }**: on leave; { $reason }
authoring-missing-stuck = **{ $name }**: no attempt at the quiz left, due { $due }; { $reason }
authoring-missing-begun = **{ $name }**: begun, due { $due }; { $reason }
authoring-missing-open = **{ $name }**: due { $due }; { $reason }
