/** Calls a container runtime by Kubernetes' CRI; a failure rejects with what the runtime says. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import grpc, { type ServiceError } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { loadService } from '../../src/adapters/api/service.ts'

/** Longer than anything takes that a test waits for. */
const deadlineMs = 60_000

type Client = InstanceType<ReturnType<typeof grpc.makeGenericClientConstructor>>

export class Cri {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  static async connect(socket: string): Promise<Cri> {
    const proto = await readFile(join(import.meta.dirname, 'cri.proto'), 'utf8')
    const { definition } = loadService(
      protobuf.parse(proto).root.toJSON(),
      'runtime.v1.RuntimeService',
    )
    const Runtime = grpc.makeGenericClientConstructor(definition, 'RuntimeService')
    return new Cri(new Runtime(`unix://${socket}`, grpc.credentials.createInsecure()))
  }

  call<Answer>(method: string, request: object = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#client[method]?.(
        request,
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, answer: Answer) => (error ? reject(error) : resolve(answer)),
      )
    })
  }

  close(): void {
    this.#client.close()
  }
}
