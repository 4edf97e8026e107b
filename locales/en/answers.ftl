### Answers to questions.

# The line under a quote. $title is title and headings, $author a colleague, $source the page with its source
answers-source-tip = { $title } (tip by { $author })
answers-source-tip-unchecked = { $title } (tip by { $author }, a colleague; not yet checked)
answers-source-discussion = { $title } (from a discussion among colleagues; not checked)
answers-source-unchecked = { $source }; not yet checked

answers-unknown = I don’t know. I found nothing here that answers this.
answers-nearest = The nearest that I found:
answers-nearest-tip = { $title } (a colleague’s tip)
answers-gap-noted = I noted your question, without your name, so that the answer can be written.
answers-open-pages-only = I do not know this account, so I looked only at pages that are open to everyone.
answers-withdrawn = What I had quoted here has changed or was withdrawn. Please ask again to see how it stands now.

answers-helpful-button = Helpful
answers-not-helpful-button = Not helpful
answers-private-button = See privately
answers-tip-button = See the tip
answers-share-button = Share the answer if you find it
answers-thanks-helpful = Thank you, good to know.
answers-thanks-not-helpful = Thank you. I noted it, without your name, so that the answer can get better.

answers-missing-title = What was missing?
answers-missing = What did you need to know?
answers-missing-hint = You may leave it empty. Your name is not shown with it.
answers-missing-send = Send

answers-empty = Ask me in plain words how something is done here, for example: “How do I book a day off?”
answers-greeting = Hello! Ask me how something is done here, for example: “How do I book a day off?”
answers-too-long = That is a lot at once. Please ask in one or two sentences, and I look for the page that answers it.
answers-no-such-question = I no longer have that question. Please ask it again.
