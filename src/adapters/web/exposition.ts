/** Metrics as the text that a scraper asks for. */

import Registry from 'prom-client/lib/registry.js'
import type { Durations } from '../../ports/durations.ts'
import type { Metric, Reading, Sample, Scrape } from './metric.ts'

export interface Exposition {
  readonly contentType: string
  readonly text: string
}

/** `accept` is the header of that name. */
export function exposer(
  metrics: readonly Metric[],
): (scrape: () => Scrape, accept: string) => Promise<Exposition> {
  let current: Scrape | undefined
  // A registry writes one of the two formats, and changes the names of what it holds.
  const registryOf = (contentType: string) => {
    const registry = new Registry(contentType)
    for (const metric of metrics) {
      const { name, help, type } = metric
      registry.registerMetric({
        name,
        type,
        async get() {
          const values = current ? valuesOf(name, metric.read(current)) : []
          return { name: this.name, help, type, values }
        },
      })
    }
    return registry
  }
  const openMetrics = registryOf(Registry.OPENMETRICS_CONTENT_TYPE)
  const plain = registryOf(Registry.PROMETHEUS_CONTENT_TYPE)
  return async (scrape, accept) => {
    const registry = prefersOpenMetrics(accept) ? openMetrics : plain
    current = scrape()
    // All is read before the first of it is waited for: what is written is of one moment.
    const text = registry.metrics()
    current = undefined
    return { contentType: registry.contentType, text: await text }
  }
}

/** Whether it is named and no less welcome than the plain text. */
function prefersOpenMetrics(accept: string): boolean {
  const qualityOf = (type: string): number => {
    const ranges = accept.split(',').filter((range) => range.trim().startsWith(type))
    const qualities = ranges.map((range) => Number(/;\s*q=([0-9.]+)/.exec(range)?.[1] ?? 1))
    return Math.max(0, ...qualities)
  }
  const quality = qualityOf('application/openmetrics-text')
  return quality > 0 && quality >= qualityOf('text/plain')
}

type Value = Sample & { readonly metricName?: string }

function valuesOf(name: string, reading: Reading): readonly Value[] {
  if (typeof reading === 'number') return [{ labels: {}, value: reading }]
  return 'counts' in reading ? histogram(name, reading) : reading
}

function histogram(name: string, { boundsMs, counts, sumMs }: Durations): Value[] {
  let total = 0
  const buckets = counts.map((count, index) => {
    total += count
    const bound = boundsMs[index]
    const le = bound === undefined ? '+Inf' : String(bound / 1_000)
    return { metricName: `${name}_bucket`, labels: { le }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, value: sumMs / 1_000 },
    { metricName: `${name}_count`, labels: {}, value: total },
  ]
}
