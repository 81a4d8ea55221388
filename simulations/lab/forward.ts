/** Carries connections to a port of this machine's loopback to one of a namespace's loopback. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

const inside = new URL('./forward-inside.ts', import.meta.url).pathname

export class Forward {
  /** On this machine's loopback. */
  readonly port: number
  readonly #server: Server
  readonly #child: ChildProcess

  private constructor(port: number, server: Server, child: ChildProcess) {
    this.port = port
    this.#server = server
    this.#child = child
  }

  /** `wanted`: the port here; 0: any that is free. */
  static async start(namespace: string, port: number, wanted = 0): Promise<Forward> {
    const words = ['netns', 'exec', namespace, process.execPath, inside, `${port}`]
    const child = spawn('ip', words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    // It takes a connection over as it is, before anything is read of it.
    const server = createServer({ pauseOnConnect: true }, (connection: Socket) => {
      if (child.connected) child.send('connection', connection)
      else connection.destroy()
    })
    server.listen(wanted, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return new Forward(typeof address === 'object' ? (address?.port ?? 0) : 0, server, child)
  }

  async stop(): Promise<void> {
    this.#server.close()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill()
    await ended
  }
}
