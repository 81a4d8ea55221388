/** What the core could get wrong, one for each checker: the words that do it right, and words that do not. */

export interface Mutation {
  /** The checker that must find it. */
  readonly checker: string
  readonly scenario: string
  readonly nodes?: number
  readonly seed?: number
  readonly changes: readonly {
    readonly file: string
    readonly from: string
    readonly to: string
  }[]
}

const one = (file: string, from: string, to: string) => [{ file, from, to }]

export const mutations: Readonly<Record<string, Mutation>> = {
  'one node hears of no end': {
    checker: 'agreement',
    scenario: 'leave-and-rejoin',
    changes: one(
      'src/core/agent/receive.ts',
      'if (!admission.admitted) {',
      "if (!admission.admitted || (config.name.endsWith('1') && entry.body.kind === 'tombstone')) {",
    ),
  },
  'a lost claim is kept': {
    checker: 'uniqueness',
    scenario: 'join-two-halves',
    changes: one(
      'src/core/claim/claimant.ts',
      "if (lost && claim.state === 'confirmed') {",
      "if (lost && claim.state === 'tentative') {",
    ),
  },
  'nothing confirms': {
    checker: 'claiming',
    scenario: 'cold-start',
    changes: one(
      'src/core/claim/claimant.ts',
      '? false : this.#confirm(own, at)',
      '? false : this.#confirm(own, at) && false',
    ),
  },
  'routes to hosts that are gone stay': {
    checker: 'convergence',
    scenario: 'hosts-die',
    changes: one(
      'src/core/liveness/observations.ts',
      "liveness === 'host-down' ||",
      "liveness === 'suspect' ||",
    ),
  },
  'an alien in the way is replaced': {
    checker: 'aliens',
    scenario: 'aliens',
    changes: [
      {
        file: 'src/core/routing/reconcile.ts',
        from: 'if (wanted && !fib.alien(key)) {',
        to: "if (wanted && fib.alien(key)) changes.push({ type: 'remove', key })\n  if (wanted) {",
      },
      {
        file: 'simulations/sim/kernel.ts',
        from: "if (!found?.owned) return ['absent', 'ESRCH']",
        to: "if (!found) return ['absent', 'ESRCH']",
      },
    ],
  },
  'a subnet is given up as time passes': {
    checker: 'no-theft',
    scenario: 'cold-start',
    // They never settle: each more makes all of them say more for as long.
    nodes: 3,
    changes: one(
      'src/core/claim/claimant.ts',
      'const lost = winner !== undefined && winner.origin !== this.#config.self',
      'const lost = winner !== undefined && at.now - at.startedAt > 1_000',
    ),
  },
  'fences protect nobody': {
    checker: 'no-theft',
    scenario: 'forgotten',
    changes: [
      {
        file: 'src/core/claim/resolve.ts',
        from: 'isFenced: fence < rules.fenceOf(prefix),',
        to: 'isFenced: false,',
      },
      {
        file: 'src/core/claim/tenure.ts',
        from: 'return isOpen && !this.#isOverruled(prefix, origin, now)',
        to: 'return false',
      },
    ],
  },
  'tombstones are never forgotten': {
    checker: 'scenario',
    scenario: 'come-and-go',
    changes: one(
      'src/core/claim/record-set.ts',
      'now + Math.min(remainMs, this.#tombstoneMs)',
      'now + 1e12',
    ),
  },
  'each comparison is a publication': {
    checker: 'quiet',
    scenario: 'cold-start',
    changes: one(
      'src/core/agent.ts',
      'return compare(state)',
      'state.publishSoon()\n        return compare(state)',
    ),
  },
  'leases are not read back': {
    checker: 'durable',
    scenario: 'small-subnets',
    changes: one(
      'src/core/ipam/ipam.ts',
      'for (const lease of leases) this.#book.hold(lease)',
      'void leases',
    ),
  },
  'an address is answered before it is durable': {
    checker: 'durable',
    scenario: 'small-subnets',
    changes: one(
      'src/core/ipam/ipam.ts',
      'write: this.#writes.add(changes, { waiting, done, undo }, now),',
      'write: (this.#writes.answer(id, granted(all)), this.#writes.add(changes, { waiting: [], done, undo }, now)),',
    ),
  },
  'what others say is altered': {
    checker: 'authentic',
    scenario: 'insider',
    nodes: 4,
    changes: one(
      'src/core/claim/record-set.ts',
      'this.#entries.set(origin, entry)',
      "this.#entries.set(origin, { ...entry, body: { ...entry.body, ...(entry.body.kind === 'record' ? { name: 'x' } : {}) } } as Entry)",
    ),
  },
  'a claim is believed what it says of itself': {
    checker: 'theft',
    scenario: 'insider',
    nodes: 4,
    changes: one(
      'src/core/claim/tenure.ts',
      'if (seat?.holder !== origin || now - seat.since < this.#tenureMs) return false',
      'if (seat?.holder !== origin || now - seat.since < 1e12) return false',
    ),
  },
  'a start begins with the last incarnation': {
    checker: 'versions',
    scenario: 'crash-restart',
    changes: one(
      'src/core/claim/own-record.ts',
      'restored.entry?.body.version.incarnation ?? 0) + 1',
      'restored.entry?.body.version.incarnation ?? 1)',
    ),
  },
  'routes are removed before in-sync': {
    checker: 'in-sync-gate',
    scenario: 'crash-restart',
    changes: one(
      'src/core/routing/router.ts',
      "this.#wanted.mode === 'held' ? 'held' : 'allowed'",
      "this.#wanted.mode === 'held' ? 'allowed' : 'allowed'",
    ),
  },
  'everybody is wanted': {
    checker: 'few-connections',
    scenario: 'cold-start',
    nodes: 36,
    changes: one(
      'src/core/gossip/overlay.ts',
      'export const fullMeshMax = 32',
      'export const fullMeshMax = 4_096',
    ),
  },
  'nobody says that it agrees': {
    checker: 'truth',
    scenario: 'cold-start',
    changes: one(
      'src/core/agent/view.ts',
      'isReady && peers.differing(set.root).length === 0',
      'isReady && peers.differing(set.root).length < 0',
    ),
  },
  'what a container has is left to another one': {
    checker: 'leases-live',
    scenario: 'leases-outlive-a-partition',
    nodes: 4,
    changes: one(
      'src/core/agent/awards.ts',
      'if (ipam.isTaken(address)) return',
      'if (ipam.isTaken(address) && nodes.length > 9) return',
    ),
  },
  'who answers an eviction ends': {
    checker: 'running',
    scenario: 'gone-for-long',
    changes: one(
      'src/core/agent/receive.ts',
      "if (action === 'yield') state",
      "if (action !== 'wait') state",
    ),
  },
  'a word of another node is too much': {
    checker: 'total',
    scenario: 'cold-start',
    changes: one(
      'src/core/agent/absorb.ts',
      'const { origin } = body\n',
      "const { origin } = body\n  if (body.kind === 'record' && body.name === 'host-002') throw new Error('too much')\n",
    ),
  },
}
