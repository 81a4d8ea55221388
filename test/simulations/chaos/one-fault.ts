/** The lines of a run in which one fault happens, for whoever judges them. */

import type { Line } from '../../../simulations/chaos/judge/record.ts'
import type { FaultName } from '../../../simulations/chaos/plan/catalogue.ts'

/** It hits these of four hosts from second 10 on for so long, and has bitten a second later. `witnessed`: what its witness counted. */
export function oneFault(
  name: FaultName,
  { hosts, forMs, witnessed = 1 }: { hosts: readonly number[]; forMs: number; witnessed?: number },
): Line[] {
  const fault = { id: 1, name, atMs: 0, forMs, hosts, share: 0.5 }
  const rounds = [{ number: 1, forMs, faults: [fault] }]
  const witness = { what: 'bites', count: witnessed }
  const mendedMs = 10_000 + forMs
  return [
    {
      type: 'run',
      schedule: { seed: 1, hosts: 4, durationMs: 60_000, scenario: 'everything', drawn: 1, rounds },
    },
    { type: 'free', prefix: '172.31.248.0/22' },
    { type: 'round', number: 1, atMs: 10_000 },
    { type: 'begun', fault: 1, atMs: 10_000, bittenAtMs: 11_000 },
    { type: 'mended', fault: 1, sinceMs: mendedMs, atMs: mendedMs, witness },
  ]
}
