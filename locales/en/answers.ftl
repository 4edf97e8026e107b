### Answers to questions.

# The line under a quote. $title is title and headings, $author a colleague, $source the page with its source
answers-source-tip = { $title } (tip by { $author })
answers-source-tip-unchecked = { $title } (tip by { $author }, a colleague; not yet checked)
answers-source-accepted = { $title } (answered by { $author }, a colleague; not checked)
answers-source-discussion = { $title } (from a discussion among colleagues; not checked)
answers-source-unchecked = { $source }; not yet checked
answers-source-also = { $source }; the same in { $others }
answers-source-curated = { $title } (an approved answer)
# $source is the page with its source: only a part of it is quoted
answers-source-more = { $source }; it goes on there
# $number is the number by which the sentences name it
answers-numbered-source = \[{ $number }\] { $source }

answers-written = Written by a language model from these pages; every sentence was checked against them.
answers-writing = I am reading…
# $question is the question before
answers-follow-up = I took this as going on from “{ $question }”.
# $typed is a word of the question, $meant one or two like it
answers-taken-for = I took “{ $typed }” for “{ $meant }”.
# $reason is what its owner wrote
answers-deprecated = Please do not rely on this page any more: { $reason }
answers-review-due = This answer is due for review; please check before you rely on it.
answers-unasked = Nobody asked me; I thought that this might help.

answers-unknown = I don’t know. I found nothing here that answers this.
answers-nearest = The nearest that I found:
answers-nearest-tip = { $title } (a colleague’s tip)
answers-gap-noted = I noted your question, without your name, so that the answer can be written.
answers-open-pages-only = I do not know this account, so I looked only at pages that are open to everyone.
answers-again-button = Ask again
answers-withdrawn = What I had quoted here has changed or was withdrawn. Please ask again to see how it stands now.

answers-helpful-button = Helpful
answers-not-helpful-button = Not helpful
answers-private-button = See privately
answers-tip-button = See the tip
answers-share-button = Share the answer if you find it
answers-thanks-helpful = Thank you, good to know.
answers-thanks-owner = Thank you. Whoever looks after that page hears of it, without your name.
answers-thanks-not-helpful = Thank you. I noted it, without your name, so that the answer can get better.

answers-missing-title = What was not right?
answers-judge = What is the matter?
answers-judged-helpful = it helped
answers-judged-missing = something is missing
answers-judged-wrong = it is wrong
answers-judged-outdated = it is out of date
answers-missing = What did you need to know?
answers-missing-hint = You may leave it empty. Your name is not shown with it.
answers-missing-send = Send

answers-empty = Ask me in plain words how something is done here, for example: “How do I book a day off?”
answers-greeting = Hello! Ask me how something is done here, for example: “How do I book a day off?”
answers-too-long = That is a lot at once. Please ask in one or two sentences, and I look for the page that answers it.
answers-no-such-question = I no longer have that question. Please ask it again.

## Kept for later

answers-save-button = Save
answers-saved-now = Saved. Type **ask saved** to see everything that you kept.
answers-saved-button = What I saved
answers-saved-list =
    { $count ->
        [one] You saved one page:
       *[other] You saved { $count } pages:
    }
answers-saved-none = You have saved nothing, or it is not there any more. Press **Save** under an answer to keep it.
answers-unsave-button = Remove
answers-unsaved = Removed.
answers-nothing-to-save = There is nothing to save in this.

## Colleagues who may know

# $names are the names of one or two colleagues
answers-experts = { $names } may know, and agreed to be asked. If you ask, your name and your question go there.
answers-expert-button = Ask { $name }
answers-expert-asked = I passed your question on to { $name }. The answer comes to you here.
answers-expert-away = This colleague cannot be asked just now.
answers-expert-enough = You passed on several questions today already. Please try again tomorrow.
answers-expert-question = { $name } asks you:
answers-expert-why = You are asked because you agreed to be, and what you wrote or look after is near to this.
answers-expert-you-said = You answered: { $answer }
answers-expert-helped = It helped. Thank you!
answers-expert-over = This is settled; there is nothing to do.
answers-expert-answered = { $name } answers your question “{ $question }”:
answers-expert-source = { $name }, a colleague
answers-expert-none = { $name } could not answer your question “{ $question }”. It stays noted, so that the answer can be written.
answers-experts-on = Thank you. Colleagues may be pointed to you when you may know something. Type **ask experts off** to stop it.
answers-experts-off = Good. Nobody is pointed to you any more. Type **ask experts on** to change that.
answers-reply-button = Answer
answers-correct-button = Correct it
answers-pass-button = Not me
answers-not-me-button = Never ask me
answers-reply-title = Your answer
answers-reply-field = What should your colleague know?
answers-reply-hint = It goes to your colleague under your name.
answers-reply-send = Send
answers-reply-sent = Sent. Thank you! You can make it an answer for everyone.
answers-reply-passed = Good, I tell them.
answers-reply-empty = Please write your answer, in at most 2,000 characters.
answers-request-gone = This question is not there any more.

kind-expert = a colleague’s question
kind-expert-answer = the answer of a colleague

## Answers that people wrote

answers-curate-button = Make it an answer for everyone
answers-curate-new-button = Write an answer
answers-curate-title = An answer for everyone
answers-curate-intro = Whoever asks one of these questions gets this answer first.
answers-curate-questions = Questions that it answers
answers-curate-questions-hint = One a line, in the words in which people ask. Leave out names.
answers-curate-text = The answer
answers-curate-text-hint = Plain text. Everyone can read it.
answers-curate-review = Look at it again on
answers-curate-review-hint = A day like 2027-05-01. Left empty: in half a year.
answers-curate-save = Save
answers-curate-wrong = Please give at least one question, and an answer of at most { $limit } characters.
answers-curated-saved = Saved. Whoever asks this gets your answer first.
answers-curated-draft = Thank you. Your learning team looks at it before others get it.
answers-curated-waits = waits to be approved
answers-curated-approve-button = Approve
answers-curated-kept = Good. I label it for review after { $date }.
answers-curated-retired = Taken back. Nobody gets it any more.
answers-curated-gone = This answer is not there any more.
answers-curated-none = There are no written answers yet.
answers-curated-list =
    { $count ->
        [one] There is one written answer:
       *[other] There are { $count } written answers; those due first come first:
    }
answers-curated-due = was due for review on { $date }
answers-curated-until = good until { $date }
answers-curated-edit-button = Change
answers-curated-keep-button = Still right
answers-curated-retire-button = Take back

## Questions without an answer

answers-gaps-none = There are no open questions. Everything that was asked has an answer.
answers-gaps-list =
    { $count ->
        [one] One topic has no answer yet:
       *[other] { $count } topics have no answer yet; those that most people asked about come first:
    }
answers-gaps-rule = A question is shown as it was asked only when three people or more asked the same. Names are never shown.
# $asked is how often it was asked, $people by how many, $last the day of the last time
answers-gap-counts =
    { $asked ->
        [one] asked once
       *[other] asked { $asked } times
    } by { $people ->
        [one] one person
       *[other] { $people } people
    }, last on { $last }.
answers-gap-owner = { $name } takes care of it until { $due }.
answers-gap-unnamed = something that no page has words for
answers-gap-take-button = I take it
answers-gap-write-button = Write the answer
answers-gap-close-button = Close
answers-gap-taken = Thank you. I remind you on { $due } if it is still open.
answers-gap-closed = This topic is closed. If somebody asks again, it opens again.
answers-gap-gone = This topic is not open any more.
# $topic is the question or words of it
answers-gap-reminder =
    You took care of “{ $topic }”, and it has no answer yet. It was { $asked ->
        [one] asked once
       *[other] asked { $asked } times
    } by { $people ->
        [one] one person
       *[other] { $people } people
    }.
# $date is when the person asked
answers-gap-news = On { $date } you asked “{ $question }”, and I did not know. Now there is an answer:
answers-news-off-button = No such news
answers-news-off = Good. I do not write any more when an open question of yours finds its answer. Type **ask news on** to change that.
answers-news-on = Good. I tell you when an open question of yours finds its answer.

kind-gap = an open question that you took
kind-gap-answered = an answer to an earlier question

## What people say about a page

answers-concern =
    { $count ->
        [one] Somebody got an answer from
       *[other] { $count } people got an answer from
    } “{ $title }” and say: { $judged }.
answers-concern-clock = Please look at it by { $due }; after that the learning team is told as well. Names are not shown.
answers-concern-done-button = I looked at it
answers-concern-settled = Thank you. It is settled.
answers-concern-over = What was said about “{ $title }” is settled.
answers-concern-gone = This is not there any more.

kind-concern = a word about a page of yours

## In channels

answers-channel-here = Please say this in the channel that it is about.
answers-channel-mention = In this channel I answer when I am mentioned.
answers-channel-questions = In this channel I also answer questions that nobody asked me, when a page has the answer.
answers-channel-unasked = In this channel I also speak when nobody asks, if I am very sure that it helps.
answers-channel-mention-button = When mentioned
answers-channel-questions-button = Questions
answers-channel-unasked-button = Also unasked
answers-channel-learn-button = Learn from answers
answers-channel-unlearn-button = Learn no more
answers-channel-outsiders = People from outside the organisation read along here, so I speak only when I am mentioned.
answers-channel-closed = I learn only from channels where every colleague may read, and here I cannot tell that this is so.
answers-channel-learns = From now on, when whoever asked something here marks the answer that helped (with ✅), I keep question and answer as a page for all colleagues: with names, and only if the author of the answer agrees. Both can withdraw at any time.
answers-channel-learns-no-more = I keep no more answers from this channel. What is kept stays until its authors withdraw it.

why-silent-mention = in this channel I answer only when somebody mentions me.
why-silent-unsure = I found nothing that everyone may read and that surely answers it.
why-silent-outsiders = people from outside the organisation read along here, so I answer only when somebody mentions me.
why-silent-spoke = I had just said something here, and did not want to say more.

why-model-slow = you asked for it. I quoted the pages, because the language model took too long.
why-model-failed = you asked for it. I quoted the pages, because the language model did not answer.
why-model-strange = you asked for it. I quoted the pages, because the language model gave no answer that I can use.
why-model-refused = you asked for it. I quoted the pages, because the language model refused.
why-model-unknown = you asked for it. I kept to the pages, because the language model found no answer in them.
why-model-unsupported = you asked for it. I quoted the pages, because the language model said things that do not stand there.
why-model-beside = you asked for it. I kept to the pages, because what the language model said is not what you asked.
why-model-used-up = you asked for it. I quoted the pages, because today’s share of the language model is used up.
