-- What is looked up for every learner on every day: whether a lesson was tried before, and what was asked since the day began.
CREATE INDEX lesson_drop_tried ON lesson_drop (person, lesson);
CREATE INDEX lesson_attempt_made ON lesson_attempt (person, made);

DROP INDEX lesson_attempt_person;
