"""Articles from elsewhere: a web page, text, Markdown, WordPress export or feed becomes an Article of an issue."""
