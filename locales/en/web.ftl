### The pages of the web chat.

## Conversations

web-skip = Skip to the messages
web-conversations = Conversations
web-channels = Channels
web-direct = Direct message
web-open-menu = Show conversations
web-close-menu = Hide conversations
web-unread =
    { $count ->
        [0] nothing new
        [one] { $count } new message
       *[other] { $count } new messages
    }
web-members =
    { $count ->
        [one] { $count } person
       *[other] { $count } people
    }
web-messages = Messages
web-earlier = Earlier messages
web-newest = Back to the newest messages
web-new-mark = New
web-new-below = New messages below
web-deleted = This message was deleted.
web-edited = edited
web-only-you = Only visible to you
web-former-member = Former member
# $name is the person's first name
web-empty-direct = Hello { $name }, this is where you and Stoa talk.
web-empty-direct-hint = Ask how something is done here, in plain words. Or type “help” to see what else there is.
web-empty-channel = Nothing has been written here yet.

## Threads

web-thread = Thread
web-thread-close = Close the thread
web-thread-back = Back to the channel
web-replies =
    { $count ->
        [one] { $count } reply
       *[other] { $count } replies
    }
web-last-reply = last { $when }
web-new-replies = new replies

## Writing

web-write-to-stoa = Write to Stoa
web-write-to = Write in #{ $channel }
web-write-reply = Reply in the thread
web-send = Send
web-keys = Enter sends, Shift + Enter starts a new line.
web-mention-hint = Write @Stoa to ask Stoa here.
web-not-sent = That was not sent. Please check your connection and try again.

## The menu of a message

web-message-menu = What you can do with this message
web-reply = Reply in thread
web-save-tip = Save as tip
web-answered = This answered it
web-log-discussion = Log discussion
web-edit = Edit
web-delete = Delete
web-edit-title = Change your message
web-edit-label = Your message
web-delete-title = Delete your message?
web-delete-text = It goes away for everybody, and from what Stoa kept of it.
web-save = Save
web-cancel = Cancel
web-not-yours = Only the person who wrote a message can change it.

## Forms

web-optional = optional
web-field-missing = Please fill this in.
web-field-choose = Please choose one.
web-field-too-long =
    { $limit ->
        [one] Please keep this to one character.
       *[other] Please keep this to { $limit } characters.
    }
web-field-please-choose = Please choose

## Who you are

web-choose-title = Choose who you are
web-choose-intro = This is a sample of { $organisation }. Pick a person and see what they see; you can switch at any time.
web-local-time = local time
web-on-leave = on leave
web-sign-in-title = Sign in
web-sign-in-intro = You sign in to Stoa at { $organisation } with a personal link. Ask your learning team for one; it works once.
web-link-intro = This link signs you in to Stoa at { $organisation }. It works once.
web-sign-in-button = Sign in
web-link-used = This sign-in link does not work any more. Each works once and for one day, so please ask your learning team for a new one.
web-no-choosing = Choosing a person is possible only in the demo. Please sign in with your personal link.
web-signed-out = You are signed out. Please sign in and try again.
web-evidence-auditors = The log of evidence is for auditors. Ask the operator for that role.
web-evidence-missing = The log does not have that yet.
web-you = Your menu
web-switch = Switch person
web-sign-out = Sign out
web-colours = Colours
web-colours-auto = Like the system
web-colours-light = Light
web-colours-dark = Dark

## The clock of the demo

web-clock = Time in the demo
# $place is a city
web-clock-zone = { $place } time
web-clock-others =
    { $count ->
        [one] { $count } other person has new messages
       *[other] { $count } other people have new messages
    }
web-clock-next = Next event
web-clock-day = +1 day
web-clock-week = +1 week

## When something is refused

web-refused-title = That did not work
web-back-home = Go to the chat
web-not-found = There is nothing here, or it is not for you to see.
web-too-large = That is too large for me. Please send less at once.
web-not-understood = I could not read this request. Please go back and try again.
web-went-wrong = Something went wrong on my side. Please try again in a moment.
web-other-site = This came from another site, so it was not done. Please use the pages of the chat itself.
web-wrong-host = This address does not belong to this chat. Open it under its own address, or ask your operator to set [http] public_url.
