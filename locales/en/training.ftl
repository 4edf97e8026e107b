### Mandatory training: assignments, courses, attestation, the team's view.
### A continued line must not begin with * . [ or }: write {"**"} for bold there.

kind-assign = news about required training
kind-reminder = a reminder
kind-plan = the reminder that you asked for
kind-overdue = a note about overdue training
kind-manager-digest = your team’s weekly digest
kind-attempt-granted = the news that you can try a quiz again
kind-stand-in = the news that you stand in for a manager
kind-escalation = a weekly digest of what was passed on to you
kind-trainer = a question that waits for you as a trainer
kind-trainer-answer = a trainer’s answer
kind-trainer-shown = a question to a trainer that you wanted to see
kind-code = a one-time code
kind-sign-in = the link with which you sign in to sign
kind-completion-doubt = a doubt about a completion from elsewhere

why-training-moved = the due date had moved.
why-training-away = you are on leave, so the clock has stopped.
why-training-ended = you do not need this training any more.
why-stand-in-ended = you do not stand in any more.
why-training-waived = this training was waived this time.
why-trainer-passed = the question went on to somebody else.
why-training-same-day = another message about the same training came on that day.
why-training-planned = you had told me when you want to do it.

## Messages that come by themselves
## $title is the requirement, $due the due date in words

training-nudge-assign = New for you: **{ $title }**, due **{ $due }**.
training-nudge-renew = Time to renew **{ $title }**: due **{ $due }**.
training-nudge-reason = Why you: { $reason }.
training-nudge-reminder = Still open: **{ $title }**, due **{ $due }**.
training-nudge-plan = You wanted to do **{ $title }** now. It is due **{ $due }**.
training-nudge-overdue = **{ $title }** is overdue; it was due **{ $due }**. You can do it right here.
training-nudge-asked = Your manager asked me to remind you.
training-nudge-done = ✓ **{ $title }**: done. Thank you!
training-nudge-ended = **{ $title }**: you do not need this any more.
training-nudge-waived = **{ $title }**: waived this time. You need not do it.
training-start-button = Start
training-continue-button = Continue
training-open-button = Open { $title }

## When will you do it?

training-plan-question = When will you do it? I remind you then, once.
training-plan-tomorrow = Tomorrow morning
# $day is a later one, for example "Monday"
training-plan-morning = { $day } morning
training-plan-choose = Choose a day
training-plan-button = Plan { $title }
training-planned-for = You planned it for { $when }.
training-planned = Noted: I remind you { $when }.
training-calendar-add = Add it to your calendar
training-calendar-remove = Take it out of your calendar
# in the calendar entry, as plain text
training-calendar-about = Required training, due { $due }. To begin, type “training” in the chat with Stoa.
training-plan-wrong = That is not a day. Please write one like 2026-12-04.
training-plan-too-late = Please choose a working day after today, { $due } at the latest.
training-plan-not-needed = There is nothing to plan: this is not open any more.
training-no-form = Please press the button again where forms can be opened, or choose one of the other two.
training-choose-title = When will you do it?
training-choose-day = Day
training-choose-submit = Remind me then

## My training

training-prompt = What training do I still have to do?
training-list-title = Your training
training-none = You have no required training. Enjoy it!
training-all-done = You are up to date. Nothing else is open.
training-row-open = **{ $title }**: due { $due }
training-row-renew = **{ $title }**: to renew, due { $due }
training-row-started = **{ $title }**: begun, due { $due }
training-row-extended = **{ $title }**: you have more time, now due { $due }
training-row-overdue = **{ $title }**: overdue, was due { $due }
training-row-away = **{ $title }**: waits until you are back from leave
training-row-done = ✓ { $title }: done { $on }
training-row-done-until = ✓ { $title }: done { $on }, valid until { $until }
training-row-expired = { $title }: done { $on }, no longer valid
training-not-yours = I cannot find this training among yours. Type **training** for your own.

## A course

# $course is its title, $page and $count numbers
training-page-of = { $course } · page { $page } of { $count }
training-back-button = Back
training-next-button = Next
training-quiz-button = Start the quiz
training-last-button = I have read it
training-reread-button = Read again
# $minutes is what is missing, $planned what the course asks for
training-wait =
    { $minutes ->
        [one] This course asks for { $planned } minutes of reading. Please take one more minute; only time between page turns counts.
       *[other] This course asks for { $planned } minutes of reading. Please take { $minutes } more minutes; only time between page turns counts.
    }
# $percent is the pass mark, $left the attempts that are left
training-quiz-ready =
    { $left ->
        [one] You have read all pages. Now { $count } questions; { $percent } % right is enough. You have one attempt left.
       *[other] You have read all pages. Now { $count } questions; { $percent } % right is enough. You have { $left } attempts.
    }
training-question-of = Question { $n } of { $count }
training-quiz-passed = ✓ Passed: { $right } of { $count } right.
training-quiz-failed = Not yet: { $right } of { $count } right, and { $percent } % are needed. These were wrong:
training-quiz-wrong =
    {"**"}{ $prompt }**
    Your answer: { $given }
    { $why }
training-quiz-left =
    { $left ->
        [one] You have one more attempt. Take your time.
       *[other] You have { $left } more attempts. Take your time.
    }
training-again-button = Try again
training-no-attempts = All attempts at the quiz of **{ $title }** are used. That happens. Your manager or the learning team can give you one more.
training-attempt-ask-button = Ask for one more
training-attempt-left = You have an attempt at this quiz.
# $name is who gave it
training-attempt-granted = { $name } has given you one more attempt at the quiz of **{ $title }**.
training-attest-ready = Last step of **{ $title }**: please confirm with your name.
training-attest-button = Confirm
training-attest-title = Please confirm
training-attest-meaning = Your name means: this sentence is true, and you say so yourself.
# $name is the person, $when the local time with its zone, $content the beginning of the content’s digest
training-attest-particulars = { $name } · { $when } · content { $content }
training-attest-name = Your full name
training-attest-name-hint = As in the staff list: { $name }
training-attest-name-wrong = Please type your name as it is in the staff list: { $name }
training-attest-submit = I confirm
training-attest-changed = The course has changed meanwhile. Please open it again.
training-confirmed = Confirmed: { $particulars }
training-sign-ready = Last step of **{ $title }**: please sign.
training-sign-button = Sign
training-sign-title = Please sign
training-sign-meaning = Your signature means: this sentence is true, and you answer for it.
training-sign-submit = I sign
training-signed = Signed: { $particulars }
# $email is masked
training-code-why = To be sure that it is you, I send a code to { $email } first.
training-code-no-address = This one is signed with a code by e-mail, and I know no address of yours. Please ask your learning team to add it.
training-code-button = Send me the code
training-code-there-button = I have a code
training-code-sent = A code is on its way to { $email }. It works once, for { $minutes } minutes.
training-code-enough = That were many codes in an hour. Please wait a little, and look into your mailbox meanwhile.
training-code-enter-button = Enter the code
training-code-again-button = Send a new code
training-code-field = The code from the mail
training-code-hint = It looks like ABCD-2345.
training-code-empty = Please enter the code from the mail.
training-code-wrong =
    { $left ->
        [one] That is not the code. You have one more try.
       *[other] That is not the code. You have { $left } more tries.
    }
training-code-gone = That code does not work any more. Please let me send you a new one.
training-sign-in-why = To be sure that it is you, you sign in with your organisation’s account afterwards.
training-sign-in-sent = One step is left to sign **{ $title }**: sign in with your organisation’s account, although you may be signed in already.
training-sign-in-link = Confirm with your organisation’s sign-in
training-sign-in-once =
    { $minutes ->
        [one] The link is for you alone. It works once, for one minute.
       *[other] The link is for you alone. It works once, for { $minutes } minutes.
    }
training-sign-in-gone = This link to sign does not work any more, and nothing was signed with it. You can ask for a new one.
training-sign-in-missing = This one is signed with your organisation’s sign-in, which is not connected. Please tell your learning team.
training-sign-in-no-address = This one is signed with your organisation’s sign-in, and I know no address of yours to tell that it is you. Please ask your learning team to add it.
# $title is the course; the first line becomes the subject
training-code-mail =
    Your code to sign { $title }

    {"**"}{ $code }{"**"}

    Enter it in the chat. It works once, for { $minutes } minutes, and for nothing else. If you did not ask for it, tell your learning team.
training-finish-ready = That was all of **{ $title }**.
training-finish-button = Done
training-completed = ✓ **{ $title }**: completed on { $on }. Thank you!
training-completed-score = ✓ **{ $title }**: completed on { $on }, quiz { $percent } % right. Thank you!
training-not-needed = You do not need **{ $title }** any more.
training-next-up = Next: **{ $title }**, due { $due }.

## Ask a trainer
## $name is a person, $course and $place titles

trainer-ask-button = Ask a trainer
trainer-form-at = { $course }, “{ $place }”
trainer-form-course = { $course }
trainer-form-question = Your question
trainer-form-hint = A qualified trainer reads it. Your managers do not.
trainer-form-send = Send it
trainer-form-empty = Please write a question of at most { $limit } characters.
trainer-no-form = Please press the button again where forms can be opened.
# $due is a day and a time
trainer-on-its-way = Your question is with **{ $name }**. You have an answer by { $due } at the latest. Go on meanwhile.
trainer-already = That question is on its way already. The answer comes here.
trainer-enough = That were ten questions today. Please go on tomorrow, or ask your learning team directly.
trainer-nobody = Nobody can answer just now. Please ask your learning team directly.
trainer-asks = **{ $name }** asks about **{ $course }**:
trainer-asks-at = **{ $name }** asks about **{ $course }**, “{ $place }”:
trainer-remind = A question still waits for you; today is its last day.
trainer-until = Please answer by { $due }. Question and answer are kept with the training; managers do not see them.
trainer-answer-button = Answer
trainer-pass-button = Pass it on
trainer-open-button = Question of { $name }
trainer-line = **{ $name }** asks about **{ $course }**.
trainer-answered-by = **{ $name }** has answered:
trainer-went-on = This has gone on to somebody else. You can still answer.
trainer-reply-title = Your answer
trainer-reply-field = Answer
trainer-reply-hint = It goes to whoever asked, with your name and qualification.
trainer-reply-send = Send it
trainer-reply-empty = Please write an answer of at most { $limit } characters.
trainer-reply-sent = Thank you! Your answer is on its way.
trainer-reply-there = This is settled already. Thank you!
trainer-passed = I pass it on.
trainer-not-yours = I cannot find this question among yours.
trainer-gone = This question is not there any more.
trainer-answer = **{ $name }** has answered your question about **{ $course }**:
trainer-you = You
trainer-source = { $name } ({ $qualification })
trainer-late = Nobody has answered your question about **{ $course }** in time, and I am sorry. It stays open; please ask your learning team directly as well.
trainer-back-button = Back to the course
trainer-list-button = My questions
trainer-list-title = Your questions to trainers
trainer-list-none = You have asked no trainer yet. In a course, press **Ask a trainer**.
trainer-list-more =
    { $count ->
        [one] And one earlier question.
       *[other] And { $count } earlier questions.
    }
trainer-entry = **{ $course }**, { $on }:
trainer-entry-open = No answer yet.

## The team's training

team-title =
    { $count ->
        [one] Your team: one person
       *[other] Your team: { $count } people
    }
team-prompt = How is my team doing?
team-home-button = Show my team
team-nobody = Nobody reports to you, so there is no team to show. Type **training** for your own.
team-nothing = Your team has no required training right now.
# of one person
team-title-of = { $name }
team-nothing-of = { $name } has no required training right now.
team-who = I do not know whom of your team you mean. Type the name, the e-mail address or the employee number, or **team** for everybody.
team-who-of-them = Several people of your team have this name. Type the e-mail address or the employee number.
team-all-done = Everybody is done. Well led!
# numbers of people: $done of $all have done it, $overdue, $away on leave, $exempt are exempt or had it waived
team-count = **{ $title }**: { $done } of { $all } done, { $overdue } overdue, { $away } on leave, { $exempt } exempt or waived
team-row-open = **{ $name }**: { $title }, due { $due }
team-row-stuck = **{ $name }**: { $title }, no attempt at the quiz left, due { $due }
team-row-started = **{ $name }**: { $title }, begun, due { $due }
team-row-overdue = **{ $name }**: { $title }, overdue since { $due }
team-row-renew = **{ $name }**: { $title }, still valid, to renew by { $due }
team-row-expired = **{ $name }**: { $title }, no longer valid since { $until }
team-row-away = **{ $name }**: { $title }, on leave
team-next-button = Show more
team-remind-button = Remind
team-extend-button = Extend 7 days
team-grant-button = One more attempt
team-more-button = More …
team-more-title = More time, or on leave
team-more-what = What?
# $due is the date on which it is due now
team-more-time = More time: due after { $due }
team-more-leave = On leave: the clocks stop
team-more-submit = Do it
team-away = { $name } is on leave until { $until }: the clocks stop, and nothing is sent. The staff list can say otherwise.
# $days is how many days after the first due date a manager may give
team-beyond =
    { $days ->
        [one] That would be more than one day after the first due date; for this I need a reason and ask an approver.
       *[other] That would be more than { $days } days after the first due date; for this I need a reason and ask an approver.
    }
team-beyond-asked = That is more than { $days } days after the first due date, so I have asked { $name }. You hear from me.
team-beyond-nobody = That is more than { $days } days after the first due date, and nobody can approve it just now. I ask as soon as somebody can.
team-all-button = Whole team
team-all-others-button = All of it
team-delegate-button = Stand-in …
team-delegate-title = Who stands in for you?
team-delegate-intro = Somebody gets your team’s digest and the requests about your team in your place, and can act on your team, until a day. You can end it at any time.
team-delegate-who = Who?
team-delegate-who-hint = Full name or e-mail address
team-delegate-submit = Hand over
team-delegate-yourself = Please name somebody else.
team-delegate-left = { $name } does not work here any more.
team-delegate-nobody = I know nobody by this name or address.
team-delegate-unknown = I cannot find this.
team-delegated = { $name } stands in for you until { $until }, and knows it.
team-delegate-end-button = End it now
team-delegate-refuse-button = I cannot do it
team-delegate-ended = That has ended: digests and requests go to the manager again.
team-stand-in = **{ $name }** has asked you to stand in until **{ $until }**: the team’s digest and its requests come to you. Type **team** to see how it stands.
team-stand-in-over = You do not stand in for { $name } any more.
team-stand-in-for = You stand in for { $name } until { $until }.
team-not-yours = This person is not in your team.
team-reminded = I remind { $name } in their working hours.
team-remind-again = { $name } has been reminded today already. Once a day is enough.
team-remind-not-needed = There is nothing to do for { $name }: this is not open any more.
team-extended = { $name } has time until { $due } now; “training” shows it to them.
team-extended-already = The date has changed already: { $name } has time until { $due }.
team-granted = { $name } has one more attempt at the quiz.
# a manager says that somebody has done it elsewhere
team-attest-button = Done elsewhere
team-attest-title = Done elsewhere
team-attest-intro = { $name }: { $title }. This is recorded as your word, with your name.
team-attest-reason = How do you know?
team-attest-reason-hint = For example: took part in the workshop on 3 March, list in the team folder.
team-attest-reason-wrong = Please say in a sentence how you know.
team-attest-day = Day on which it was done
team-attest-day-hint = Like 2026-03-31; empty for today.
team-attest-day-wrong = Please write a day up to today, like 2026-03-31.
team-attest-submit = Record it
team-attest-no-form = Please press the button again where forms can be opened.
team-attested = Recorded: you have seen that { $name } did it elsewhere.
# $why is a sentence without its full stop
team-attest-refused = I cannot record that: { $why }.
team-grant-not-needed = { $name } does not need another attempt.

## Completions from elsewhere

training-doubt = Another system has taken back its statement that **{ $name }** completed **{ $title }**. It still counts as completed; please look whether that is right.

## The weekly digest

team-digest-title = Your team’s required training
team-digest-title-others = Overdue training that no manager can see to
team-digest-count =
    { $count ->
        [one] One thing is overdue:
       *[other] { $count } things are overdue:
    }
team-digest-clear = Nothing of this is overdue any more. Thank you!
team-digest-finished =
    { $count ->
        [one] One was finished since the last digest.
       *[other] { $count } were finished since the last digest.
    }
team-digest-escalated = Passed on to you, since it has been open for long:
team-digest-more =
    { $count ->
        [one] And one more; type **team** for all.
       *[other] And { $count } more; type **team** for all.
    }
team-line-overdue =
    { $days ->
        [one] **{ $name }**: { $title }, one day overdue
       *[other] **{ $name }**: { $title }, { $days } days overdue
    }
team-line-new =
    { $days ->
        [one] **{ $name }**: { $title }, one day overdue (new)
       *[other] **{ $name }**: { $title }, { $days } days overdue (new)
    }
team-line-done = ✓ { $name }: { $title }, done
team-line-ended = { $name }: { $title }, not needed any more
team-line-waived = { $name }: { $title }, waived this time
team-line-away = { $name }: { $title }, on leave
team-line-due = { $name }: { $title }, now due { $due }

## People whom no message reaches, for the learning team
## $reason is what the chat platform or the mail server said

training-unreachable-hint =
    { $count ->
        [one] One person cannot be reached by any message.
       *[other] { $count } people cannot be reached by any message.
    }
training-unreachable-button = Who is it?
training-unreachable-title = Not reached by any message
training-unreachable-row = **{ $name }**, since { $since }: { $reason }.
training-unreachable-link = Ask your operator to connect a chat account or to enter a work e-mail address.
training-unreachable-write = Ask them to write **help** to Stoa once.
training-unreachable-then = What still matters is sent as soon as they can be reached; what is out of date is not.
training-unreachable-more = … and { $count } more.
training-unreachable-none = Everybody can be reached.
training-unreachable-not-yours = Only the learning team can see this.

## How people stand, also on a past day: for managers, the learning team and auditors

training-status-title =
    { $count ->
        [one] Required training of one person
       *[other] Required training of { $count } people
    }
training-status-as-of = As it stood at the end of { $day }.
training-status-nothing = Nobody had anything required.
training-status-more =
    { $count ->
        [one] And one more.
       *[other] And { $count } more.
    }
training-status-no-day = That is not a day. Please write one like 31 March or 2026-03-31.
training-status-future = { $day } has not come yet.
training-status-large = These are { $count } people. That is too long for a chat: your operator gets it with **stoa training status**.
training-status-not-yours = Nobody reports to you. Type **training** for your own training.
