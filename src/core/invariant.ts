/** A broken invariant is a bug: it stops the process rather than writing wrong routes. */

export class InvariantError extends Error {
  readonly code = 'invariant'
}

export function invariant(condition: boolean, mustHold: string): asserts condition {
  if (!condition) throw new InvariantError(`invariant broken: ${mustHold}`)
}

/** The `default` of every switch over a union: the compiler proves that it is never reached. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`)
}
