#!/usr/bin/env -S node --max-semi-space-size=1 --v8-pool-size=1
/**
 * The executable: starts where Node is new enough, and says so in one line where it is not. A young generation of 1 MiB
 * costs no time that can be measured, and 13 MB less than the 16 MiB that Node lets it grow to. One thread for V8's
 * compiling and collecting, not four: on a host with few cores they take the time of the messages that woke them.
 */

const neededMajor = 24

// Nothing is imported before this: what an older Node does not know ends it with a stack trace of its own.
if (Number(process.versions.node.split('.')[0]) < neededMajor) {
  console.error(
    `starling needs Node ${neededMajor} or later; this is ${process.version} (${process.execPath}): ` +
      `install Node ${neededMajor} from nodejs.org, or put it first in the PATH`,
  )
  // `exitCode.usage`.
  process.exitCode = 2
} else {
  // A start that stalls must not pass for one that ended well: Node's own code for that. Not set before, for commander reads it.
  process.on('exit', () => {
    if (process.exitCode === undefined) process.exitCode = 13
  })
  // An `await` out here is a syntax that Node 12 does not know, which Ubuntu 22.04 has.
  void import('./start.ts')
}
