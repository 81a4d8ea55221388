/** `Transport` over libp2p: one long-lived connection per peer, gossip on one topic, anti-entropy on a stream. */

import type { Remote } from '../../ports/remote.ts'
import type { Transport } from '../../ports/transport.ts'
import { encodeMessage } from '../../wire/codec.ts'
import { Answers } from './calls.ts'
import type { Libp2pOptions } from './options.ts'
import { openSession, type Session } from './session.ts'

export function libp2pTransport(options: Libp2pOptions): Transport & Remote {
  const answers = new Answers()
  let session: Session | undefined
  let latest: string | undefined
  return {
    async start(deliver) {
      session = await openSession(options, answers, deliver)
      if (latest !== undefined) session.links.root = latest
    },
    publish: (entry) => session?.gossip.publish(entry),
    judge: (id, verdict) => session?.gossip.judge(id, verdict),
    send: (peer, message) => session?.links.send(peer, message.type, encodeMessage(message)),
    digest: (root) => {
      latest = root
      if (session) session.links.root = root
    },
    probe: (peer, addresses) => session?.probe(peer, addresses),
    disconnect: (peer) => session?.links.disconnect(peer),
    connect: (peers) => session?.connect(peers),
    seek: (neighbours) => session?.seek(neighbours),
    async call(node, addresses, request) {
      if (!session) throw new Error('the agent is starting or stopping')
      return session.call(node, addresses, request)
    },
    answerCalls: (answer) => {
      answers.answer = answer
    },
    async stop() {
      await session?.stop()
      session = undefined
    },
  }
}
