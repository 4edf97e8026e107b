### The page on which a Slack app is installed.

# $app is the app's name in the configuration
slack-install-link = This link does not hold (any more). Your operator gets a new one with “stoa slack install { $app }”.
slack-install-state = This did not begin in this browser, or too long ago. Please open the link again.
slack-install-declined = Stoa was not installed. Open the link again if you change your mind.
slack-install-failed = Slack did not finish the installation. Please try again in a few minutes; the server’s log says more.
# $workspace is the name of a workspace or of an organisation
slack-installed = Stoa is installed in { $workspace }. You can close this page and write to Stoa in Slack.
