/** As much of dockerd's API as the command line calls, on a unix socket. */

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export interface FakeEngine {
  /** As DOCKER_HOST has it. */
  readonly host: string
  version: string
  /** As the API lists them; those that are made come to them. */
  networks: object[]
  /** Why it makes no network. */
  refusal: string
  /** What it answers to everything, where it is set. */
  raw: string
  stop(): Promise<void>
}

export async function startFakeEngine(): Promise<FakeEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'starling-engine-'))
  const socket = join(directory, 'docker.sock')
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { connection: 'close' }).end(engine.raw || JSON.stringify(body))
    void text(request).then((body) => {
      if (request.url === '/version') return answer(200, { Version: engine.version })
      if (request.url === '/networks') return answer(200, engine.networks)
      if (request.url !== '/networks/create') return answer(404, { message: 'page not found' })
      if (engine.refusal) return answer(500, { message: engine.refusal })
      engine.networks.push(JSON.parse(body) as object)
      return answer(201, { Id: 'f00', Warning: '' })
    })
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const engine: FakeEngine = {
    host: `unix://${socket}`,
    version: '20.10.24+dfsg1',
    networks: [],
    refusal: '',
    raw: '',
    stop: async () => {
      await new Promise((resolve) => server.close(resolve))
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return engine
}
