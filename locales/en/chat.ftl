### Words that every part uses: help, refusals, mistakes, the first message, dates and lists.
### A continued line must not begin with * . [ or }: write {"**"} for bold there.

-stoa = Stoa

## Help

chat-help-intro =
    I am { -stoa }. Ask me how something is done here and I answer from our own pages and tips, with the source.
    You can also use these words:
# $command is the word to type, $about what it does
chat-help-line = **{ $command }**: { $about }
chat-help-plain-words = Plain words work as well: “How do I book a day off?”
chat-help-duties = And because of your role:
chat-help-duty-new = write a requirement, which somebody else approves
chat-help-duty-requirements = what is required of whom, and who is missing
chat-help-duty-status = who has done what; “training status as of 31 March” works too
chat-help-duty-requests = what waits for your decision
chat-help-duty-unreachable = people whom no message reaches
chat-help-duty-gaps = what people asked and nothing answers, by topic
chat-help-duty-curated = answers that people here wrote
chat-help-duty-channel = typed in a channel: when I speak up there
chat-help-duty-schedule = bring a lesson to a team
chat-help-about-ask = ask how something is done
chat-help-about-tip = share what you learned with the others
chat-help-about-did = log something you did or learned
chat-help-about-learn = today’s lesson, and what is up for review
chat-help-about-training = your own required training
chat-help-about-team = your team’s training, for managers
chat-help-about-home = what is up for you, on one page
chat-help-about-why = why you got a message, or did not
chat-by-mail = This comes by mail because Stoa could not reach you in chat. To do what it asks, open your chat and write **help** to Stoa; if you have no chat, ask your learning team.
chat-help-about-settings = quiet hours, language, pause
chat-help-about-mydata = see, export or erase what I keep about you
chat-help-about-link = connect this account to your name, or take it away
chat-help-about-help = this list
chat-help-about-show = show what waits for you

## The page of a person

chat-home-intro = This is your page. Ask me anything in a message; I answer from our own pages and tips.
chat-home-tip-button = Share a tip

## The assistant pane

chat-prompts-title = How can I help?
chat-prompt-help = What can you do?
# Follows the bot's name: "Stoa is looking through the pages"
chat-works = is looking through the pages

## Someone whose account we do not know

chat-help-unknown-account =
    I do not know this account yet, so I can only show you help and answer from pages that are open to all.
    Write **link** to connect it to your name, or ask your learning team; they need your work e-mail address or employee number.

# $workspace is the name of the organisation's workspace in the chat
chat-outsider = I am here for the people of { $workspace }, so I cannot answer you.

## When it does not work

# $word is what was typed, $suggestion the nearest word that exists
chat-unknown-command-suggest = I do not know “{ $word }”. Did you mean **{ $suggestion }**? Type **help** for the whole list.
chat-unknown-command = I do not know “{ $word }”. Type **help** for what I can do, or just ask in plain words.
chat-help-button = Help
# $role is who may do it: one of the next two, or both
role-learning = the learning team
role-experts = experts
chat-not-allowed = Only { $role } can do this. If you think that you should, ask your learning team.
chat-something-went-wrong = Something went wrong on my side and nothing was changed. Please try again; if it happens twice, tell your learning team and give them this number: { $reference }.
chat-too-long =
    { $limit ->
        [one] That is too long for me. Please keep it to one character.
       *[other] That is too long for me. Please keep it to { $limit } characters.
    }
chat-shortened = There is more than fits here.
chat-form-too-late = That took too long to open. Please try again.
chat-already-done = That is done already.
chat-show-nothing = There is nothing for you behind this button.
chat-show-gone = That is settled already; there is nothing left to do.
chat-slow-down =
    { $seconds ->
        [one] That was a lot at once. Please wait one second.
       *[other] That was a lot at once. Please wait { $seconds } seconds.
    }

## The first message to a person

# $name is the person's first name, $organisation the company
chat-first-message =
    Hello { $name }, I am { -stoa }, the learning bot of { $organisation }. I answer “how do I” questions from our own pages, bring short lessons, and remind you of training that you need.

    {"**"}What I keep:** the questions you ask me, the tips you share, the lessons and training you do, and the messages I send you. Your questions and voluntary answers are not shown to your manager.
    {"**"}How to stop it:** type **settings** to pause or turn off lessons and tips. Reminders of required training go on, but never outside your working hours.
    {"**"}What I know about you:** type **mydata** to see, export or erase it.

## Dates and times
## $n is the number of the day (Monday is 1) or month

weekday =
    { $n ->
        [1] Monday
        [2] Tuesday
        [3] Wednesday
        [4] Thursday
        [5] Friday
        [6] Saturday
       *[7] Sunday
    }
weekday-short =
    { $n ->
        [1] Mon
        [2] Tue
        [3] Wed
        [4] Thu
        [5] Fri
        [6] Sat
       *[7] Sun
    }
month-short =
    { $n ->
        [1] Jan
        [2] Feb
        [3] Mar
        [4] Apr
        [5] May
        [6] Jun
        [7] Jul
        [8] Aug
        [9] Sep
        [10] Oct
        [11] Nov
       *[12] Dec
    }
date-full = { $weekday }, { $day } { $month } { $year }
date-short = { $weekday }, { $day } { $month }
day-today = today
day-tomorrow = tomorrow
day-yesterday = yesterday
time = { $hour }:{ $minute }

## Lists: "a and b", "a, b and c"

list-two = { $first } and { $second }
list-more = { $start }, { $next }
list-end = { $start } and { $last }
