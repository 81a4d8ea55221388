/** The part of a forward that runs in the namespace: joins each connection that it is handed to one of its own. */

import { connect, Socket } from 'node:net'

const port = Number(process.argv[2])

process.on('message', (_message, connection) => {
  if (!(connection instanceof Socket)) return
  const own = connect(port, '127.0.0.1')
  for (const [from, to] of [
    [connection, own],
    [own, connection],
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    from.pipe(to)
  }
})
// Whoever started it has ended.
process.on('disconnect', () => process.exit())
