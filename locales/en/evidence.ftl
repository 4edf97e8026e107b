### Evidence: checkpoints of the log.

kind-checkpoint = a checkpoint of the evidence
# $count is the number of records in the log
evidence-checkpoint =
    { $count ->
        [one] Checkpoint of the evidence: one record.
       *[other] Checkpoint of the evidence: { $count } records.
    }
evidence-checkpoint-keep = Keep this message. It shows later that no record was changed or taken away since.

## The PDF in a pack of evidence.

pack-title = Evidence of required training
pack-test = This is a test: the clock was moved by hand, and nothing in here happened.
# $log is the log's name, $count its number of records
pack-log = Log: { $log }, { $count } records
pack-made = Made: { $at } ({ $zone })
pack-requirement = Requirement: { $what }
pack-course = Course: { $what }
pack-person = Person: { $who }
pack-all = all
# $from and $to are dates, or the two words below
pack-period = Period: { $from } to { $to }, days of { $zone }
pack-beginning = the beginning
pack-now = now
pack-preset = Preset: { $preset }
pack-summary = Summary
pack-completed = { $completed } of { $denominator } completed: { $percent } %
pack-nobody = Nothing counts in this scope.
pack-open = Not completed, { $state }: { $count }
pack-excluded = Does not count, { $state }: { $count }
pack-people =
    { $people ->
        [one] One person stood in the roster in this period; { $none } of them had nothing assigned.
       *[other] { $people } people stood in the roster in this period; { $none } of them had nothing assigned.
    }
pack-assignments = Assignments
pack-population = Population
pack-changes = What changed, by whom and why
pack-requests = What was asked for and decided
pack-questions = What trainers were asked
pack-contents = Content, as it was shown
pack-contents-none = Nothing was shown yet.
pack-column-person = Person
pack-column-place = Job title, department, location
pack-column-requirement = Requirement
pack-column-state = State
pack-column-assigned = Assigned
pack-column-due = Due
pack-column-completed = Completed
pack-column-score = Score
pack-column-counts = Counts
pack-column-reason = Reason, and who decided
pack-column-status = Status
pack-column-when = When
pack-column-change = Change
pack-column-holds = Holds until
pack-column-moved = Changes in the period
pack-column-meant = A rule meant them
pack-column-none = Why nothing is assigned
pack-column-request = Request
pack-column-asked = Asked
pack-column-why = Why
pack-column-decided = Decided
pack-column-decision = Why it was decided so
pack-column-course = Course
pack-column-question = Question
pack-column-answered = Answered
pack-column-answer = Answer
pack-yes = yes
pack-no = no
pack-verify = How to verify
pack-verify-how = This document is one file of a pack. It is covered by the pack's signed manifest; on its own it proves nothing. Verify the pack with Stoa, or with verify.py, which needs Python 3.11 and the package cryptography:
pack-verify-key = Take the key from the organisation by a way that you trust, and not from here. This document shows these files of the pack:
pack-not-proven = What a valid pack does not prove
pack-lacks = □ stands for letters that the font of this document lacks. report.csv and report.json have every name in full.
# $digest is the SHA-256 of report.json
pack-foot = { $log } · page { $page } of { $pages } · { $digest }
