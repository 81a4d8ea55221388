/** The operator's way into a running agent: commands as events, their replies as promises. */

import type { CommandResult } from '../core/effect.ts'
import type { Command, Event } from '../core/event.ts'
import type { Note } from '../core/note.ts'
import type { AgentView } from '../core/view.ts'
import type { Operator } from '../ports/operator.ts'

export class AgentOperator implements Operator {
  readonly view: () => AgentView
  readonly watch: (listener: (note: Note) => void) => () => void
  readonly #push: (event: Event) => void
  readonly #waiting = new Map<number, (result: CommandResult) => void>()
  #nextId = 1
  #isClosed = false

  constructor(options: {
    readonly view: () => AgentView
    readonly watch: (listener: (note: Note) => void) => () => void
    readonly push: (event: Event) => void
  }) {
    this.view = options.view
    this.watch = options.watch
    this.#push = options.push
  }

  command(command: Command): Promise<CommandResult> {
    if (this.#isClosed) return Promise.resolve(stopping)
    const id = this.#nextId
    this.#nextId += 1
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#push({ type: 'command', id, command })
    })
  }

  readonly reply = (id: number, result: CommandResult): void => {
    this.#waiting.get(id)?.(result)
    this.#waiting.delete(id)
  }

  /** Nobody is left waiting for an agent that ends. */
  close(): void {
    this.#isClosed = true
    for (const resolve of this.#waiting.values()) resolve(stopping)
    this.#waiting.clear()
  }
}

const stopping: CommandResult = {
  ok: false,
  code: 'stopping',
  message: 'the agent is stopping: try again when it runs',
}
