/** What is used of prom-client: its registry alone, for the whole of it takes 12 MB more. */
declare module 'prom-client/lib/registry.js' {
  interface Written {
    name: string
    readonly type: string
    get(): Promise<{
      readonly name: string
      readonly help: string
      readonly type: string
      readonly values: readonly {
        readonly metricName?: string
        readonly labels: Readonly<Record<string, string>>
        readonly value: number
      }[]
    }>
  }
  export default class Registry {
    static readonly PROMETHEUS_CONTENT_TYPE: string
    static readonly OPENMETRICS_CONTENT_TYPE: string
    constructor(contentType: string)
    readonly contentType: string
    registerMetric(metric: Written): void
    metrics(): Promise<string>
  }
}
