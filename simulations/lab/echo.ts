/** Runs inside a container's namespace: answers every UDP echo, and sends echoes when asked to over IPC. */

import { createSocket } from 'node:dgram'
import type { EchoAnswer, EchoRequest } from './echo-message.ts'

/** The echo service's port, RFC 862. */
const port = 7
const lastAnswerMs = 1_000

function main(): void {
  const stops = new Map<number, () => void>()
  // Of both families: an IPv4 address comes as one of IPv6.
  const server = createSocket('udp6')
  server.on('message', (data, from) => server.send(data, from.port, from.address))
  server.bind(port, () => process.send?.('ready'))
  process.on('message', (request: EchoRequest) => {
    if (request.type === 'stop') stops.get(request.id)?.()
    else stops.set(request.id, ping(request))
  })
  // Its parent is gone: a lab that was killed must not leave it behind.
  process.on('disconnect', () => process.exit(0))
}

function ping(request: Extract<EchoRequest, { type: 'ping' }>): () => void {
  const socket = createSocket(request.to.includes(':') ? 'udp6' : 'udp4')
  const sentAt = new Map<number, number>()
  const tripsMs: number[] = []
  let sent = 0
  let isOver = false
  const finish = () => {
    if (isOver) return
    isOver = true
    clearInterval(timer)
    socket.close()
    const sorted = tripsMs.sort((a, b) => a - b)
    const result = {
      sent,
      received: tripsMs.length,
      medianMs: sorted[Math.floor(sorted.length / 2)],
    }
    process.send?.({ id: request.id, result } satisfies EchoAnswer)
  }
  const end = () => {
    clearInterval(timer)
    if (sentAt.size === 0) finish()
    else setTimeout(finish, lastAnswerMs)
    request = { ...request, count: sent }
  }
  const send = () => {
    sentAt.set(sent, performance.now())
    // An unreachable destination is a lost echo, and no reason to end.
    socket.send(String(sent), port, request.to, () => undefined)
    sent += 1
    if (sent >= request.count) end()
  }
  socket.on('error', () => undefined)
  socket.on('message', (data) => {
    const number = Number(data.toString())
    const at = sentAt.get(number)
    if (at === undefined) return
    sentAt.delete(number)
    tripsMs.push(performance.now() - at)
    if (sent >= request.count && sentAt.size === 0) finish()
  })
  const timer = setInterval(send, request.intervalMs)
  send()
  return end
}

main()
