/** The program that answers and sends echoes inside one container, and what it tells of those that were lost. */

import type { Line, LossKind } from './judge/record.ts'
import { LineProgram } from './line-program.ts'

export interface EchoOptions {
  /** Number of the host. */
  readonly self: number
  /** Of the container. */
  readonly namespace: string
  /** Whether it asks for errors rather than for echoes: see `probePace`. */
  readonly isProbe: boolean
  readonly tell: (line: Line) => void
}

/** Between two echoes to one container, and between two that fill a frame. */
const pace = { everyMs: 50, fullMs: 1_000 }
/** Linux tells who sends to nowhere so once in two seconds: a sender that asks more often hears silence. */
const probePace = { everyMs: 4_000, fullMs: 0 }

export class Echoes {
  readonly #program: LineProgram
  readonly #summed: { now: () => void }

  private constructor(program: LineProgram, summed: { now: () => void }) {
    this.#program = program
    this.#summed = summed
  }

  /** Resolves once it answers others. */
  static async start({ self, namespace, isProbe, tell }: EchoOptions): Promise<Echoes> {
    const { everyMs, fullMs } = isProbe ? probePace : pace
    const summed: { now: () => void } = { now: () => undefined }
    const words = [self, everyMs, fullMs].map(String)
    const program = await LineProgram.start(
      new URL('./echo.c', import.meta.url),
      namespace,
      words,
      (said) => {
        if (said[0] === 'summed') summed.now()
        else tell(lineOf(said, self, isProbe))
      },
    )
    return new Echoes(program, summed)
  }

  /** From now on to this address. */
  towards(peer: number, address: string): void {
    this.#program.say(`to ${peer} ${address}`)
  }

  leave(peer: number): void {
    this.#program.say(`drop ${peer}`)
  }

  /** Resolves once the totals are told. */
  async sum(): Promise<void> {
    const summed = new Promise<void>((resolve) => {
      this.#summed.now = resolve
    })
    this.#program.say('sum')
    await Promise.race([summed, this.#program.ended()])
  }

  stop(): Promise<void> {
    return this.#program.stop()
  }
}

function lineOf([what, ...words]: readonly string[], self: number, isProbe: boolean): Line {
  if (what === 'dropped') return { type: 'dropped', host: self, count: Number(words[0]) }
  const to = Number(words[0])
  if (what === 'total') {
    const [sent, good, worstMs] = words.slice(1).map(Number) as [number, number, number]
    return { type: 'echoes', from: self, to, isProbe, sent, good, worstMs }
  }
  const [, kind = '', first, last, count, detail = '-'] = words
  return {
    type: 'lost',
    from: self,
    to,
    kind: kind.replace('full-', '') as LossKind,
    isFull: kind.startsWith('full-'),
    isProbe,
    firstMs: Number(first),
    lastMs: Number(last),
    count: Number(count),
    detail,
  }
}
