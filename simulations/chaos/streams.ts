/** One TCP connection from a container to the next one in the ring, for as long as a run lasts. */

import type { Line, StreamTrouble } from './judge/record.ts'
import { LineProgram } from './line-program.ts'

export class TcpStream {
  readonly #program: LineProgram
  #between = ''

  private constructor(program: LineProgram) {
    this.#program = program
  }

  /** From host `self` to host `to`. */
  static async start(
    { self, to, namespace }: { self: number; to: number; namespace: string },
    tell: (line: Line) => void,
  ): Promise<TcpStream> {
    const program = await LineProgram.start(
      new URL('./stream.c', import.meta.url),
      namespace,
      [],
      ([kind = '', from, until, why = '-']) => {
        if (kind === 'moved') return tell({ type: 'moved', from: self, to, count: Number(from) })
        tell({
          type: 'stream',
          from: self,
          to,
          kind: kind as StreamTrouble,
          fromMs: Number(from),
          toMs: Number(until),
          why,
        })
      },
    )
    return new TcpStream(program)
  }

  /** Undefined: one of the two has no address. A connection between the same two is kept. */
  between(own: string | undefined, peer: string | undefined): void {
    const between = own && peer ? `${own} ${peer}` : ''
    if (between === this.#between) return
    this.#between = between
    this.#program.say(between === '' ? 'none' : `to ${peer}`)
  }

  stop(): Promise<void> {
    return this.#program.stop()
  }
}
