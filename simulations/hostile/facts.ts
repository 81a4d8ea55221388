/** What an attacker is told at its start: whom it attacks, and what it has of the cluster's secrets. */

export interface Facts {
  /** Name of the attack. */
  readonly attack: string
  readonly cluster: string
  readonly port: number
  /** 64 hex digits; undefined: the attacker has none. */
  readonly clusterKey: string | undefined
  /** A join token of the cluster's operator. Undefined: nobody needs one; empty: it has none. */
  readonly token: string | undefined
  /** The attacker's own, the first one usual. */
  readonly addresses: readonly string[]
  readonly victims: readonly Victim[]
}

export interface Victim {
  readonly name: string
  readonly address: string
}

/** What an attacker prints once what it came for is done; it goes on holding what it holds until its input ends. */
export const doneLine = 'done'

/** Printed for each connection that somebody makes to the second of its addresses. */
export const hitLine = 'hit'
