/** What a lab container's process is asked over IPC, and what it answers. */

export type EchoRequest =
  | {
      readonly id: number
      readonly type: 'ping'
      readonly to: string
      readonly count: number
      readonly intervalMs: number
    }
  | { readonly id: number; readonly type: 'stop' }

export interface EchoAnswer {
  readonly id: number
  readonly result: PingResult
}

export interface PingResult {
  readonly sent: number
  readonly received: number
  /** Median round trip in ms; undefined when nothing came back. */
  readonly medianMs: number | undefined
}
