### What only Discord needs. A continued line must not begin with * . [ or }.

## What people see beside the commands; at most 100 characters

discord-option-question = What would you like to know?
discord-option-tip = Your tip; leave it empty for a form
discord-option-did = What you did; leave it empty for a form
discord-option-person = Whom or what; choose from the list, or leave it empty
discord-option-course = Which one; choose from the list, or leave it empty
discord-option-zone = Where you are, or leave it empty
discord-option-what = More words, if you like

## Where others may read along: nothing is named

# $person is the mention of the person
discord-something-waits = { $person }, something is waiting for you. Only you will see it.
discord-show-button = Show it to me
# $name is the person's name
discord-private-thread-name = Stoa and { $name }
discord-thread-name = Stoa’s answer

## Direct messages, for those who want them

discord-direct-button = Write to me directly
discord-direct-hello = Hello! From now on I write to you here. To change that, close your direct messages for this server.
discord-direct-opened = Done. From now on I write to you directly.
discord-direct-closed =
    Your direct messages are closed to me. Open the server’s menu, choose **Privacy Settings**, allow **Direct Messages**,
    and press the button again. Until then I tell you here.
discord-direct-later = I cannot open a direct message just now. Please try again in a few minutes.

## Buttons and forms

discord-old-button = This button is too old. Please ask again.
discord-nothing-there = There are no words in it that I could read.
discord-form-again = Try again
