# Pages in the browser on the way to the organisation’s sign-in and back

oidc-signed = Signed
oidc-signed-text = Done, you can close this page and go back to the chat.
oidc-used-text = This was signed already. You can close this page.
oidc-not-signed = Not signed
oidc-gone-text = This link does not work any more: it is too old, or there is a newer one. Please go back to the chat, open the training and sign again.
oidc-declined-text = You did not finish the sign-in. To sign, open the link in the chat again.
oidc-browser-text = This did not begin in this browser, or too long ago. Please open the link in the chat again, and stay in one browser.
oidc-somebody-text = Somebody else signed in than the person who is to sign. If this is your signature, open the link in the chat again and choose your own account.
oidc-away-text = Your organisation’s sign-in does not answer. Please open the link in the chat again in a few minutes.
oidc-anew-text = Your organisation’s sign-in did not ask you to sign in again, which a signature needs. Please open the link in the chat once more; if that does not help, tell your operator.
oidc-untrusted-text = The answer of your organisation’s sign-in could not be accepted. Please tell your operator; the server’s log says more.
oidc-wrong-text = Something went wrong here. Please open the link in the chat again.
