### The pages of the web chat.
