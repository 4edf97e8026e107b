### What relied on pages that changed.

kind-impact = a report of what relied on pages that changed

impact-intro =
    { $count ->
        [one] A page changed that answers, lessons or people relied on:
       *[other] { $count } pages changed that answers, lessons or people relied on:
    }
# $title is the page's, $what what happened, $relied what relied on it
impact-line = **{ $title }** { $what }: { $relied }
impact-changed = says something else now
impact-deprecated = should not be relied on any more
impact-withdrawn = was withdrawn
impact-answers =
    { $answers ->
        [0] no answers
        [one] one answer
       *[other] { $answers } answers
    } to { $people ->
        [0] nobody
        [one] one person
       *[other] { $people } people
    }, saved by { $saved ->
        [0] nobody.
        [one] one person.
       *[other] { $saved } people.
    }
# $title is the lesson's or the course page's, $people how many learned it
impact-dependant =
    { $people ->
        [0] “{ $title }” names it.
        [one] “{ $title }”: one person learned it.
       *[other] “{ $title }”: { $people } people learned it.
    }
impact-more =
    { $count ->
        [one] One more page is in **stoa library impact**.
       *[other] { $count } more pages are in **stoa library impact**.
    }
impact-answers-edited = Posted answers say now that their page changed. Look at the lessons and courses that name it.
