@rem npm scripts say `exec`, so that signals reach Node. cmd.exe does not know the word.
@%*
