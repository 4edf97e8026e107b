### People, accounts, roles and sign-in.

## Connecting an account

link-title = Connect your account
link-email = Your work e-mail address
link-send = Send me a code
link-code = The code from the mail or from your learning team
link-confirm = Connect
link-code-button = Enter the code
link-how = Write **link** and your work e-mail address, and I send you a code.
link-how-without-mail = Ask your learning team for a one-time code, then enter it here.
link-no-address = That is not an e-mail address.
link-no-code = Please enter the code.
link-sent = If your organisation knows that address, a code is on its way to it. It works once and for one day.
link-wrong-code = That code does not work, or not any more. Each one works once and for one day.
# $name is the person's name
link-done = Welcome, { $name }! This account is connected now. Write **help** to see what I can do.
link-is-of = This account is connected to { $name }.
link-remove-button = Disconnect
link-remove-really = Disconnect this account? I can answer only from open pages then, and remind you of nothing here.
link-removed = This account is not connected to anybody any more.
# $code is a secret that works once
link-mail =
    Somebody asked to connect a chat account to your name. If it was you, enter this code there:

    {"**"}{ $code }{"**"}

    It works once and for one day. If it was not you, do nothing, and nothing happens.
