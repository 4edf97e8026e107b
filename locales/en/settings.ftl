### Settings and my data.

settings-title = Your settings
settings-state-on = Lessons and tips come to you in your working hours.
settings-state-paused = Lessons and tips are paused. Required training still reminds you, in your working hours only.
settings-zone = Your time zone: { $zone }. It comes from the staff list, else from your chat; your learning team can change it in the list.
settings-zone-question = I count your working hours in the time of { $zone }. Are you somewhere else?
settings-zone-button = Tell my time zone
settings-zone-label = Where are you?
settings-zone-hint = A large city in your time zone, for example Berlin or New York
settings-zone-how = Write **settings zone** and a large city in your time zone, for example **settings zone Berlin**.
settings-zone-wrong = I know no time zone “{ $zone }”. Please name a large city in yours, for example Berlin or New York.
settings-zone-saved = Your time zone is { $zone } now.
settings-zone-of-list = Your staff list says { $zone }, and that counts. Your learning team can change it there.
settings-edit-button = Change times
settings-pause-button = Pause lessons and tips
settings-resume-button = Start lessons and tips again
settings-lesson-time = Time for the daily lesson
settings-lesson-time-hint = For example 09:30. Leave it empty for the usual time.
settings-lesson-time-wrong = Please write a time like 09:30.
settings-quiet = Quiet hours
settings-quiet-hint = For example 17:00-10:00. Leave it empty for the company’s quiet hours.
settings-quiet-wrong = Please write a range like 17:00-10:00.
settings-quiet-too-long = Please leave at least one hour of your working day, so that what is required can reach you.
settings-place = Where messages come to you
settings-place-last = the chat that you used last
# $platform is a chat like Slack, $workspace the name of a workspace in it
settings-place-in = { $platform } ({ $workspace })
settings-place-now = Messages come to you in: { $place }.
settings-place-wrong = Please choose one of your chats.
settings-save = Save
settings-saved = Saved. It holds from now on.
settings-paused = Paused. Lessons and tips stay away until you start them again.
settings-resumed = Welcome back. Lessons and tips come to you again.

## What is kept

mydata-intro = This is what I keep about you:
mydata-roster = your entry in the staff list, and your settings
mydata-questions =
    { $count ->
        [0] no questions
        [one] one question that you asked
       *[other] { $count } questions that you asked
    }
# $ratings is how many tips of others the person rated
mydata-tips =
    { $count ->
        [0] no tips
        [one] one tip of yours
       *[other] { $count } tips of yours
    }, and { $ratings ->
        [0] no ratings
        [one] one rating
       *[other] { $ratings } ratings
    } of tips
mydata-discussions =
    { $count ->
        [0] no discussions
        [one] your messages in one discussion
       *[other] your messages in { $count } discussions
    }
mydata-experience =
    { $count ->
        [0] no logged experience
        [one] one experience that you logged
       *[other] { $count } experiences that you logged
    }
mydata-statements =
    { $count ->
        [0] no learning records
        [one] one learning record, of what you did here and in training
       *[other] { $count } learning records, of what you did here and in training
    }
mydata-messages =
    { $count ->
        [0] no messages from me to you
        [one] one message from me to you
       *[other] { $count } messages from me to you
    }
mydata-who-sees = Your manager sees your required training, and never your questions. Tips and discussions that you agreed to share are seen by everyone.
mydata-stays = Records of required training stay as long as the law or your contract asks for them.
mydata-export-button = Export
mydata-erase-button = Erase what is voluntary
mydata-export = Here it is, one entry a line, as JSON. Copy it to keep it.
mydata-export-cut = There is more than fits here. Ask your learning team for the whole of it.
mydata-erase-sure = Shall I erase your questions, tips, ratings, your part in discussions, and what you logged? This cannot be undone.
mydata-erase-yes-button = Yes, erase
mydata-erased = It is erased, and the learning records about it no longer count.
