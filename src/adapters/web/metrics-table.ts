/** Every metric, in the order in which docs/metrics.md has them. */

import type { Metric } from './metric.ts'
import { clusterMetrics } from './metrics-cluster.ts'
import { hostMetrics } from './metrics-host.ts'
import { talkMetrics } from './metrics-talk.ts'

/** What a dashboard or an alert builds on: a name, once it was shipped, neither goes nor changes its meaning. */
export const metricGroups: Readonly<Record<string, readonly Metric[]>> = {
  'The cluster as this node sees it': clusterMetrics,
  'Routes and addresses of this host': hostMetrics,
  'Gossip and the process': talkMetrics,
}

export const metrics: readonly Metric[] = Object.values(metricGroups).flat()
