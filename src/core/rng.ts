/** Where the core's randomness comes from: a seeded generator in the simulator, entropy in the daemon. */

/** A number in [0, 1). */
export type Rng = () => number

/** Monotonic milliseconds; only differences mean anything. */
export type Millis = number
