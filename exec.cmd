@rem npm scripts start with `exec`, so that signals reach Node (see launch.mjs). cmd.exe lacks the
@rem command, so this file runs its arguments.
@%*
