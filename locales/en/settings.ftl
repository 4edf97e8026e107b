### Settings and my data.

settings-title = Your settings
settings-state-on = Lessons and tips come to you in your working hours.
settings-state-paused = Lessons and tips are paused. Required training still reminds you, in your working hours only.
settings-zone = Your time zone: { $zone }. It comes from the staff list; your learning team can change it there.
settings-edit-button = Change times
settings-pause-button = Pause lessons and tips
settings-resume-button = Start lessons and tips again
settings-lesson-time = Time for the daily lesson
settings-lesson-time-hint = For example 09:30. Leave it empty for the usual time.
settings-lesson-time-wrong = Please write a time like 09:30.
settings-quiet = Quiet hours
settings-quiet-hint = For example 17:00-10:00. Leave it empty for the company’s quiet hours.
settings-quiet-wrong = Please write a range like 17:00-10:00.
settings-save = Save
settings-saved = Saved. It holds from now on.
settings-paused = Paused. Lessons and tips stay away until you start them again.
settings-resumed = Welcome back. Lessons and tips come to you again.
