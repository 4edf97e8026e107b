### What only Slack shows: the app's own texts, and the page on which it is installed.

## The app

slack-app-about = Answers from your own pages, short lessons, and training that gets done
slack-assistant-about = Ask how something is done here, learn, and see what is up for you
slack-command = Ask, learn and share
slack-command-hint = ask how do I … | tip | learn | training | help
slack-tip-from = Save as tip
slack-tip-from-about = Save this message as a tip for the others
slack-log = Log discussion
slack-log-about = Keep what was said in this thread
slack-tip = Share a tip
slack-tip-about = Share what you learned

## Forms

# Stands above a box to tick, whose own text is beside it
slack-tick = Please tick if you agree
# Beside a box to tick whose text is too long and stands above it
slack-yes = Yes

## People

# To somebody whose account belongs to nobody yet, while Slack does not say whether they are a member, a guest or a stranger
slack-who-unknown = I cannot see just now who you are, so I cannot answer you yet. Please ask me again in a minute.

# Somebody who is mentioned in what was said, and a channel, where no name is known; written as @someone and #channel
slack-someone = someone
slack-some-channel = channel

## Installation

# $app is the app's name in the configuration
slack-install-link = This link does not hold (any more). Your operator gets a new one with “stoa slack install { $app }”.
slack-install-state = This did not begin in this browser, or too long ago. Please open the link again.
slack-install-declined = Stoa was not installed. Open the link again if you change your mind.
slack-install-failed = Slack did not finish the installation. Please try again in a few minutes; the server’s log says more.
# $workspace is the name of a workspace or of an organisation
slack-installed = Stoa is installed in { $workspace }. You can close this page and write to Stoa in Slack.
