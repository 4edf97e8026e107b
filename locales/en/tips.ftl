### Tips, discussions and logged experience.

kind-social = a question from a colleague

## Tips

tips-title = Share a tip
tips-text = Your tip
tips-text-hint = What did you learn, and when does it help?
tips-topic = Topic
tips-topic-hint = A word or two by which others look for it. You may leave it empty.
tips-how = Write down what you learned in a few sentences: **tip** and then your words, or use the form.
# $limit is the number of characters
tips-too-long = That is too long for a tip. Please keep it to { $limit } characters.
tips-empty = A tip needs some words.
tips-preview = This is your tip. Shall I share it?
tips-preview-who = Everyone here can find it, with your name. You can change or withdraw it at any time.
tips-shared = Thank you! Your tip is shared: whoever asks about this finds it from now on, with your name.
tips-cancelled = All right, I did not share it and kept nothing.
tips-withdrawn = Your tip is withdrawn. Nobody finds it any more.
tips-gone = This tip is no longer there.
tips-none = You have shared no tips yet.
# $title is the tip’s topic or its first words
tips-line-draft = { $title } (not shared yet)
tips-line-shared = { $title } (shared, not yet checked)
tips-line-checked = { $title } (shared and checked)
# $author is the name of the colleague who wrote it
tips-by = Tip by { $author }
tips-by-unchecked = Tip by { $author }, a colleague; not yet checked
# $up of $votes people found it good
tips-ratings =
    { $votes ->
        [one] { $up } of one person found this useful.
       *[other] { $up } of { $votes } people found this useful.
    }
tips-own-rating = This is your own tip. The others rate it.
tips-own-check = This is your own tip. Please let somebody else check it.
tips-review = These tips wait for somebody to check them:
tips-review-none = No tip waits to be checked.

tips-share-button = Share
tips-save = Save
tips-edit-button = Change
tips-cancel-button = Cancel
tips-withdraw-button = Withdraw
tips-write-button = Write a tip
tips-mine-button = My tips
tips-more-button = Show more
tips-show-button = See it
tips-up-button = Useful
tips-down-button = Not useful
tips-verify-button = It is correct

## A colleague’s message as a tip

tips-from-unknown = I do not know who wrote this, so I cannot ask for their consent.
tips-from-asked = Good find. I ask { $name } whether it may be shared as a tip, in their name.
tips-from-asked-already = The author of this was asked already, and has not answered yet.
tips-from-declined = This message cannot be shared as a tip.
# $name is the colleague who suggested it
tips-consent = { $name } would like to have this message of yours as a tip for everyone. May I share it, in your name?
# $name is the colleague whose question it was, $question its beginning
tips-consent-answer = { $name } says that this answered “{ $question }”. May I keep your answer for everyone who asks that, in your name?
tips-consent-own = You marked this message of yours. Shall I share it as a tip, in your name?
tips-consent-who = Everyone here could find it, with your name. You can change or withdraw it at any time. If you say no, I keep nothing.
tips-agree-button = Share it
tips-decline-button = No, thanks
tips-consent-yes = Thank you! Your message is shared as a tip, in your name.
tips-consent-no = All right, it is not shared and I kept nothing.
# $name is who wrote it
tips-answered-asked = Good to know. The answer is kept for everyone who asks the same, if { $name } agrees.
tips-answered-not = Whoever asked can say which answer of somebody else in the thread helped; experts and the learning team can as well.
tips-closed-place = I take words only from channels where every colleague may read, and here I cannot tell that this is so. What was said here stays here. You can share what you learned in words of your own: **tip** and then the words.

## Discussions

tips-about-discussion = log a discussion from a thread, so that others can learn from it
tips-discussion-title = Log this discussion
tips-discussion-intro = The thread gets a title, and everyone in the organisation can find it, also who is not in this channel. Your own messages are taken with your name; the others are asked first.
tips-discussion-field = What is it about?
tips-discussion-title-wrong = Please give it a title of a few words.
tips-discussion-log-button = Log it
tips-discussion-how = Say **discussion log** inside a thread, or use “Log this discussion” in the menu of one of its messages.
tips-discussion-not-in-it = I cannot log this thread for you from here. Say **discussion log** inside it.
tips-discussion-nobody = I found no messages in this thread by people whom I know.
tips-discussion-unreadable = I cannot read this thread. Is Stoa a member of the channel?
# $asked is how many people are asked
tips-discussion-logged =
    “{ $title }” is logged. { $asked ->
        [0] Nobody else has to be asked.
        [one] I ask one person who wrote in it; only who agrees appears in it.
       *[other] I ask { $asked } people who wrote in it; only who agrees appears in it.
    }
tips-discussion-answered = The answer that helped in this thread is kept already, so the thread is not logged as a whole.
tips-discussion-gone = This discussion is no longer there.
tips-discussion-none = Your words are in no logged discussion.
# $name is who logged it
tips-discussion-consent = { $name } logged the discussion “{ $title }”, in which you wrote. May your messages be part of it, with your name?
# $name is who asked, $question what
tips-accepted-consent = { $name } says that your answer to “{ $question }” helped. May your message be a page for everyone who asks the same, with your name?
tips-discussion-consent-who = Everyone in the organisation could find them, also who is not in that channel, and they are noted as learning of yours. You can withdraw at any time. If you say no, I keep nothing of what you wrote.
tips-yes-button = Yes
tips-no-button = No
tips-always-button = Always yes
tips-never-button = Never ask me
tips-discussion-yes = Thank you! Your messages are part of “{ $title }”.
tips-discussion-no = All right, your messages are not part of “{ $title }”.
tips-discussion-withdrawn = Your messages are taken out of “{ $title }”.

## Logged experience

tips-did-title = I did this
tips-did-text = What did you do, and what did you learn?
tips-did-text-wrong = Please say what you did, in at most { $limit } characters.
tips-did-day = When?
tips-did-day-hint = For example 2026-11-20. Leave it empty for today.
tips-did-day-wrong = Please write a day like 2026-11-20, not in the future.
tips-did-duration = How many minutes?
tips-did-duration-hint = You may leave it empty.
tips-did-minutes-wrong = Please write a number of minutes, for example 90.
tips-did-link = A link to see more
tips-did-link-hint = You may leave it empty.
tips-did-link-wrong = Please give a web address that begins with https://
tips-did-minutes =
    { $minutes ->
        [one] one minute
       *[other] { $minutes } minutes
    }
tips-did-how = Tell me what you did and learned: **did** and then your words, or use the form.
tips-did-logged = Well done. I noted it as learning of yours:
tips-did-none = You have logged nothing yet.
tips-did-gone = This entry is no longer there.
tips-did-withdrawn = It is taken back.
tips-did-write-button = Log something
tips-did-mine-button = What I logged
tips-did-ask-button = Ask a colleague to confirm
tips-did-colleague-title = Who can confirm it?
tips-did-colleague = Your colleague’s name
tips-did-colleague-hint = Name, e-mail address or employee number.
tips-did-colleague-unknown = I found nobody of that name. Please give the e-mail address or employee number.
tips-did-colleague-wrong = Please name somebody else who works here.
tips-did-asked = I ask { $name }.
tips-did-confirm = { $name } says that they did this. Can you confirm it?
tips-did-confirm-button = Yes, I confirm it
tips-did-decline-button = No
tips-did-confirmed = You confirmed it for { $name }. Thank you!
tips-did-declined = You did not confirm it for { $name }.
tips-did-state-none = not confirmed
tips-did-state-asked = a colleague is asked
tips-did-state-confirmed = confirmed
tips-did-state-declined = not confirmed by the colleague who was asked
