/** The one table of what the doctor looks at: its lines, docs/doctor.md and their tests come from it. */

import type { Check, Facts, Group, Line, Verdict } from './check.ts'
import { clusterChecks } from './cluster-checks.ts'
import { containerChecks } from './container-checks.ts'
import { firewallChecks } from './firewall-checks.ts'
import { hostChecks } from './host-checks.ts'
import { networkChecks } from './network-checks.ts'
import { poolChecks } from './pool-checks.ts'

export const groups: readonly Group[] = ['host', 'network', 'firewall', 'containers', 'cluster']

export const checks: readonly Check[] = [
  ...hostChecks,
  ...networkChecks,
  ...poolChecks,
  ...firewallChecks,
  ...containerChecks,
  ...clusterChecks,
]

export const diagnose = (facts: Facts): readonly Line[] =>
  checks.flatMap((check) =>
    check.judge(facts).map((finding) => ({ group: check.group, code: check.code, ...finding })),
  )

/** The gravest one; what is not known is graver than nothing, and no fault. */
export const verdictOf = (lines: readonly Line[]): Verdict =>
  (['fail', 'warn', 'unknown'] as const).find((verdict) =>
    lines.some((line) => line.verdict === verdict),
  ) ?? 'ok'
