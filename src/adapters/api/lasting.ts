/** Calls that last: how many there may be, and their end. */

import grpc from '@grpc/grpc-js'
import { Refused } from './answer.ts'

/** Waits and watches at one time; the next caller is refused. */
const lastingMax = 64

export class LastingCalls {
  readonly #controllers = new Set<AbortController>()

  /** Aborted when the caller goes or the server ends. Throws a Refused. */
  readonly start = (call: {
    on(event: 'cancelled', listener: () => void): unknown
  }): AbortController => {
    if (this.#controllers.size >= lastingMax) {
      throw new Refused(grpc.status.RESOURCE_EXHAUSTED, 'too-many-callers', 'too many callers wait')
    }
    const controller = new AbortController()
    this.#controllers.add(controller)
    controller.signal.addEventListener('abort', () => this.#controllers.delete(controller))
    call.on('cancelled', () => controller.abort())
    return controller
  }

  release(): void {
    for (const controller of this.#controllers) controller.abort()
  }
}
