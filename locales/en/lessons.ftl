### Tracks, lessons, quizzes and drops.

## A lesson

# $track is the track's title, $number the lesson's place in it, $of how many it has
lessons-place = { $track } · { $number } of { $of }
# $author is a person's name, $why a reason like "because your department is Sales"
lessons-team-reason = From { $author } of the learning team, { $why }.
lessons-question = **Quick check:** { $prompt }
lessons-question-of = **{ $number } of { $of }:** { $prompt }
# $right is the right option, $why explains it
lessons-right = ✅ **Right:** { $right } – { $why }
# $chosen is the option that was chosen
lessons-wrong = **Not quite.** You chose “{ $chosen }”. Right is: “{ $right }” – { $why }
lessons-from-lesson = From the lesson “{ $lesson }”. It comes back soon.
lessons-seen-button = Got it
lessons-pause-button = Pause
lessons-noted = Noted. Thank you!
lessons-streak =
    { $days ->
        [one] Day one of a new streak.
       *[other] { $days } working days in a row.
    }
lessons-track-complete = That was the last lesson of { $track }. Well done!
lessons-answered-before = You answered this one already.
lessons-no-such-option = This question has no such option. Please press one of its buttons.
lessons-question-gone = This question is not there any more. Type **learn** for today’s lesson.

## Review

lessons-review-title =
    { $count ->
        [one] Do you still know this?
       *[other] Do you still know these { $count }?
    }
lessons-review-done = That is all for now.
lessons-review-button = Review
lessons-reviews-wait =
    { $count ->
        [one] One question is up for review.
       *[other] { $count } questions are up for review.
    }
lessons-nothing-to-review = Nothing is up for review today.

## learn

lessons-prompt-today = Show me my next lesson
lessons-prompt-review = Ask me what is up for review
lessons-home-title = Your lessons
# $title is the lesson's title
lessons-home-ready = Your next one-minute lesson: **{ $title }**
lessons-home-button = Show it
lessons-home-no-track = You take part in no track yet.
# $day is "tomorrow", "Friday" …, $time the time of day
lessons-up-to-date-next = You are up to date; next lesson { $when }.
lessons-up-to-date = You are up to date.
lessons-all-done = You have seen every lesson of your tracks.
lessons-no-track = You take part in no track yet. Pick one, and a one-minute lesson comes each working day:
lessons-no-tracks-yet = There are no lessons here yet. Your learning team can add some.
lessons-tracks-button = Tracks
lessons-tracks-intro = These are the tracks. Joining and leaving is up to you:
# $state is one of the three below
lessons-track = **{ $title }** – { $about } ({ $state })
lessons-track-size =
    { $count ->
        [one] one lesson
       *[other] { $count } lessons
    }
lessons-track-part = { $done } of { $of } done
lessons-track-done = all done
lessons-more-tracks =
    { $count ->
        [one] There is one more; type **learn join** and its name.
       *[other] There are { $count } more; type **learn join** and a name.
    }
lessons-join-button = Join
lessons-leave-button = Leave
lessons-first-now-button = First lesson now
lessons-joined-next = You take part in **{ $track }**. The next lesson comes { $when }.
lessons-joined = You take part in **{ $track }**.
lessons-left = You have left **{ $track }**. What you did stays yours; join again whenever you like.
lessons-not-in = You do not take part in **{ $track }**.
lessons-unknown-track = I know no track “{ $track }”. Type “learn tracks” for the list.
lessons-streak-on = I will show you how many working days in a row you learned. Only you see it.
lessons-streak-off = I will not count days any more.
lessons-streak-usage = Type **learn streak on** or **learn streak off**.
lessons-usage = Type **learn** for today’s lesson, **learn review** for questions that come back, or **learn tracks** for the tracks.

## Scheduling a drop, for the learning team

lessons-schedule-open = Send a lesson to many at once, each at their own time:
lessons-schedule-open-button = Write it
lessons-schedule-form = Schedule a lesson
lessons-schedule-what = What to send
lessons-schedule-what-hint = A track begins with its first lesson and goes on day by day.
lessons-schedule-own = A lesson that I write here
lessons-schedule-what-more = Not in the list? Type learn schedule and the name of the track.
lessons-schedule-text = Text
lessons-schedule-text-hint = For a lesson of your own: its first line is the title.
lessons-schedule-question = Question
lessons-schedule-question-hint = The question, then each option on its own line with a * before the right one, then why it is right.
lessons-schedule-audience = For whom
lessons-schedule-audience-hint = For example everyone, or department = "Sales" and country in ["US", "CA"].
lessons-schedule-moment = When
lessons-schedule-moment-hint = Day and time, in each person’s own time zone.
lessons-schedule-preview-button = Preview
lessons-schedule-needs-text = Please write a title, and on the lines below it what there is to learn.
lessons-schedule-long-title = The first line is the title: please keep it to { $most } characters.
lessons-schedule-question-wrong = Please write the question, then 2 to { $most } different options each on its own line with a * before the right one, then a line that says why.
lessons-schedule-moment-wrong = Please write a day and a time like { $example }.
lessons-schedule-date-past = This day is over. Please choose today or later.
lessons-schedule-time-outside = Please choose a time from { $from } to { $to }, outside of quiet hours; nobody gets lessons at other times.
lessons-schedule-nobody = Nobody belongs to this audience. Please check the names in it.
# $about is the track's description
lessons-schedule-track =
    { $count ->
        [one] { $about } One lesson.
       *[other] { $about } { $count } lessons, one each working day; everybody can leave at any time.
    }
# $count is the number of people, $zones of time zones
lessons-schedule-to =
    { $count ->
        [one] This goes to **one person** ({ $audience }),
       *[other] { $zones ->
            [one] This goes to **{ $count } people** in one time zone ({ $audience }),
           *[other] This goes to **{ $count } people** in { $zones } time zones ({ $audience }),
        }
    }
lessons-schedule-when = on **{ $date }** at **{ $time }** of their own time.
lessons-schedule-how = Who does not work that day gets it on the next working day. Nobody gets it twice, and who paused lessons gets none.
lessons-schedule-confirm-button = Schedule it
lessons-schedule-discard-button = Discard
lessons-schedule-back-button = Take it back
lessons-schedule-confirmed = Scheduled.
lessons-schedule-discarded = Taken back. Nothing more of it will be sent.
lessons-schedule-gone = This is not there any more. Type **learn schedule** to begin again.

## why

lessons-kind-drop = a lesson
lessons-kind-review = a review
lessons-kind-lesson = a lesson that you asked for
why-lesson-taken = you took the lesson yourself before it came.
why-lesson-retired = the lesson was taken out of use.
why-track-left = you had left the track.
why-team-drop-cancelled = the learning team took it back.
why-not-in-audience = it is not meant for you any more.
